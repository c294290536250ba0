#include "http/openapi_trainings.h"

#include <iterator>
#include <utility>

#include "domain/training_status.h"
#include "http/openapi_examples.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

using namespace schema;

constexpr auto then = "2026-01-31T08:15:00.000123Z";
constexpr std::int64_t year_s = 365 * 24 * 3600;
constexpr auto an_hour_later = "2026-01-31T09:15:00.000123Z";

// What another schema tells, with words of its own: beside a bare reference nothing else would count.
Body described_by(std::string_view name, std::string_view description) {
  auto schema = anything(description);
  schema["allOf"] = Body::array({ref(name)});
  return schema;
}

Property option(std::string name, Body schema, Body fallback, Body example) {
  if (!fallback.is_null()) schema["default"] = std::move(fallback);
  return {std::move(name), with_example(std::move(schema), std::move(example)), false};
}

Body between(Body schema, std::int64_t minimum, std::int64_t maximum) {
  schema["minimum"] = minimum;
  schema["maximum"] = maximum;
  return schema;
}

Body training_options() {
  auto uncertainty =
      object({option("N", between(integer("How many samples a prediction draws."), 1, 10'000), 10, 20),
              option("softmax", boolean("Whether MC_DROPOUT takes the softmax of each."), false, false)},
             "About `uncertainty_method`.");
  uncertainty["additionalProperties"] = true;
  auto options = object(
      {{"uncertainty", std::move(uncertainty), false},
       option("daisy_chain_period",
              between(integer("Above 0: how many rounds lie between two aggregations. In the others "
                              "participants go on with each other's models, and there are that many times "
                              "target_num_updates rounds."),
                      0, 1'000'000),
              0, 2),
       option("mu",
              between(number("Of FedProx: handed to the participants, as `x_mu` in what tells them of a "
                             "round."),
                      0, 1'000'000),
              nullptr, 0.01),
       option("round_deadline_s",
              between(integer("For how many seconds a round waits for updates (or moments); 0: as long as it "
                              "takes. Without it, what the server's trainings.round_deadline_s says."),
                      0, year_s),
              nullptr, 3600),
       option(
           "test_deadline_s",
           between(integer("The same for tests, and trainings.test_deadline_s. A test goes on with what is "
                           "there."),
                   0, year_s),
           nullptr, 600),
       option(
           "min_updates",
           between(number("How many updates (or moments) are enough when the deadline comes: a whole number, "
                          "or above 0 and up to 1.0 written with a point, that part of the participants. "
                          "1 is one update, 1.0 is all. Without it, what trainings.min_updates says."),
                   0, 2'000),
           nullptr, 0.5),
       option(
           "on_deadline",
           choice({"continue", "error"},
                  "What follows from a deadline when updates are missing: go on with those that are there, "
                  "if they are enough, or end in state E. Without it, what trainings.on_deadline says."),
           nullptr, "continue"),
       option("max_rounds_without_quorum",
              between(integer("How many deadlines in a row may pass without enough updates, each followed by "
                              "another wait, until the training ends in state E. Without it, what "
                              "trainings.max_rounds_without_quorum says."),
                      0, 1'000'000),
              nullptr, 2),
       option(
           "on_unreachable",
           choice({"remove", "error"},
                  "What becomes of a participant who cannot be reached with its work: it is removed, or the "
                  "training ends in state E. Without it, what notifications.on_unreachable says."),
           nullptr, "remove"),
       option("open_to_join", boolean("Whether everyone with an account may take part (`join/`)."), false,
              true)},
      "Whatever else stands there is kept, and means nothing.");
  options["additionalProperties"] = true;
  return options;
}

std::vector<Property> training_properties() {
  return {
      {"id", with_example(uuid(), example::training_id)},
      {"state",
       with_example(named<domain::TrainingState>(
                        "I: not started. O: ongoing. S: collecting SWAG moments. C: completed. E: ended "
                        "by an error, which x_reason tells."),
                    "O")},
      {"target_num_updates", with_example(integer("How many rounds it runs."), 3)},
      {"last_update", with_example(text("RFC 3339."), "2026-01-31T08:15:00.000123Z")},
      {"uncertainty_method",
       with_example(named<domain::UncertaintyMethod>("How predictions of its model tell how sure they are."),
                    "NONE")},
      {"aggregation_method",
       with_example(named<domain::AggregationMethod>("How updates become the next global model."), "FedAvg")},
      {"options", with_example(described_by("TrainingOptions", "As it was created with."), Body::object())},
      {"locked", with_example(boolean("Whether a round is being aggregated right now."), false)},
      {"model", with_example(uuid("The global model."), example::model_id)},
      {"actor", with_example(uuid("The user who runs it."), example::user_id)},
      {"participants",
       with_example(list(uuid(), "In the order in which they joined."), Body::array({example::user_id}))},
  };
}

// Which of them are there depends on the state.
void add_course(std::vector<Property>& properties) {
  const Property course[] = {
      {"x_reason",
       with_example(text("In state E: why, for people; `status/` says what can be done about it."),
                    "No participant is left: all were removed, refused or could not be reached."),
       false},
      {"x_waiting_for",
       with_example(list(uuid(),
                         "In the states O and S: the participants whose part in the open round is "
                         "missing, in the order in which they joined. Empty while the server itself "
                         "is at work."),
                    Body::array({example::user_id})),
       false},
      {"x_deadline",
       with_example(text("Until when it waits for them (RFC 3339); absent without a deadline."),
                    "2026-01-31T09:15:00.000123Z"),
       false},
      {"x_paused", with_example(boolean("True of a training that was paused; else absent."), true), false},
  };
  properties.insert(properties.end(), std::begin(course), std::end(course));
}

Body training() {
  auto properties = training_properties();
  add_course(properties);
  return object(std::move(properties));
}

Body training_detail() {
  auto properties = training_properties();
  properties.push_back(
      {"local_models_arrived", with_example(integer("Updates of the open round so far."), 1)});
  properties.push_back({"local_models_expected", with_example(integer("Updates that it waits for."), 2)});
  add_course(properties);
  return object(std::move(properties));
}

Body delivery() {
  return nullable(object(
      {{"notification_type", with_example(named<domain::NotificationKind>(), "UPDATE_ROUND_START")},
       {"round", with_example(nullable(integer("Where it means something.")), 0)},
       {"outcome",
        with_example(named<domain::DeliveryOutcome>(
                         "delivered: the receiver accepted it. refused: it answered with an error. "
                         "unreachable: there was no answer within the span of retries. dropped: there was "
                         "nothing to deliver to."),
                     "delivered")},
       {"status", with_example(integer("The receiver's HTTP status; 0 without an answer."), 200)},
       {"attempts", with_example(integer(), 1)},
       {"detail", with_example(text("More about it."), "")},
       {"at", with_example(text("RFC 3339."), then)}},
      "How the newest notification to this participant ended; null before the first."));
}

Body on_its_way() {
  return nullable(
      object({{"notification_type", with_example(named<domain::NotificationKind>(), "UPDATE_ROUND_START")},
              {"round", with_example(nullable(integer()), 0)},
              {"since", with_example(text("RFC 3339."), then)},
              {"progress", with_example(text("What its delivery has come to, in words."),
                                        "2 attempts failed (no connection to 192.0.2.7: Connection refused), "
                                        "the next is at 2026-01-31T08:15:07Z")}},
             "The newest notification that is still being delivered; null without one."));
}

Body awaited() {
  return object({{"participant", with_example(uuid(), example::user_id)},
                 {"name", with_example(text("The username."), "ada")},
                 {"says", with_example(text("What happened to its notifications, in a sentence."),
                                       "ada: UPDATE_ROUND_START of round 0 was delivered at "
                                       "2026-01-31T08:15:00Z with status 200.")},
                 {"active", with_example(boolean("Whether its account is; else it can send nothing."), true)},
                 {"last_delivery", delivery()},
                 {"on_its_way", on_its_way()}},
                "A participant whose part is missing.");
}

Body training_status() {
  return object({
      {"training_id", with_example(uuid(), example::training_id)},
      {"state", with_example(named<domain::TrainingState>(), "O")},
      {"phase",
       with_example(named<domain::Phase>("What is under way: updating, aggregating, collecting and averaging "
                                         "moments (SWAG), testing. In state E the phase in which it failed."),
                    "updating")},
      {"round", with_example(integer("The model's round."), 0)},
      {"target_num_updates", with_example(integer("How many rounds it runs."), 3)},
      {"paused", with_example(boolean(), false)},
      {"cancelled", with_example(boolean("Then it stays in state E."), false)},
      {"summary",
       with_example(text("What it waits for, in a few sentences."),
                    "In round 0 of 3 it waits since 2026-01-31T08:15:00Z (12 s) for the updates of 1 of 2 "
                    "participants: ada. There is no deadline: it waits until they are there, or whoever is "
                    "missing leaves or is removed.")},
      {"advice",
       with_example(text("What its owner can do, where it does not go on by itself; else empty."), "")},
      {"waits_for", with_example(named<domain::Wait>(
                                     "What has to come next. resume: its owner's `resume/`, after a pause or "
                                     "an error. nothing: it is completed or cancelled."),
                                 "updates")},
      {"awaited", list(ref("AwaitedParticipant"), "Whose part is missing, in the order of joining.")},
      {"participants", with_example(integer("How many take part."), 2)},
      {"arrived", with_example(integer("How many updates, moments or tests of the phase are there."), 1)},
      {"needed", with_example(integer("How many the deadline asks for."), 2)},
      {"since", with_example(text("When the phase began; or when it ended; or before the start, when it was "
                                  "created."),
                             then)},
      {"deadline", with_example(nullable(text("When the wait ends; null: never by itself.")), an_hour_later)},
      {"at_deadline",
       with_example(
           nullable(named<domain::AtDeadline>(
               "What happens then if nothing more comes. goes_on: with what is there. waits_again: who "
               "is missing is notified again, and a new deadline set. fails: it ends in state E.")),
           "fails")},
      {"deadlines_missed",
       with_example(integer("How many deadlines passed in a row without enough updates."), 0)},
      {"reason", with_example(text("Why it is in state E; else empty."), "")},
  });
}

}  // namespace

void add_training_schemas(Body& schemas) {
  schemas["TrainingOptions"] = training_options();
  schemas["Training"] = training();
  schemas["TrainingDetail"] = training_detail();
  schemas["AwaitedParticipant"] = awaited();
  schemas["TrainingStatus"] = training_status();
}

}  // namespace fedlog::http
