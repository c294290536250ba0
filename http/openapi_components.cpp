#include "http/openapi_components.h"

#include "domain/notification.h"
#include "http/openapi_examples.h"
#include "http/openapi_trainings.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

using namespace schema;

// Whether an answer has the token: only users' own, or every one.
enum class TokenShown { at_times, always };

Body user(TokenShown shown) {
  return object({
      {"username", with_example(text("Unique."), "ada")},
      {"first_name", with_example(text(), "Ada")},
      {"last_name", with_example(text(), "Lovelace")},
      {"email", with_example(text(), "ada@example.org")},
      {"id", with_example(uuid(), example::user_id)},
      {"actor",
       with_example(boolean("Means to run trainings; says nothing about what the user may do."), true)},
      {"client", with_example(boolean("Means to take part in trainings; likewise."), false)},
      {"message_endpoint",
       with_example(text("Where notifications are posted: an http or https URL. Empty, or \"poll:\" and any "
                         "note, for whoever asks for them instead."),
                    "https://ada.example.org/hook")},
      {"x_active", with_example(boolean("False for who is locked out; else absent."), false), false},
      {"x_webhook_secret_set",
       with_example(boolean("True where notifications are signed; else absent."), true), false},
      {"token",
       with_example(
           text("For `Authorization: Token <token>`. Only in the answer to a registration, and where "
                "users ask for their own account by its id."),
           "0123456789abcdef0123456789abcdef01234567"),
       shown == TokenShown::always},
  });
}

Body group() {
  return object({{"id", with_example(integer(), 1)}, {"name", with_example(text("Unique."), "hospitals")}});
}

std::vector<Property> model_properties() {
  return {
      {"id", with_example(uuid(), example::model_id)},
      {"round", with_example(integer("The round that the model is in: how often it was aggregated."), 0)},
      {"name", with_example(text(), "digits")},
      {"description", with_example(text(), "Handwritten digits, 8x8 pixels")},
      {"input_shape", with_example(nullable(list(nullable(integer()),
                                                 "The sizes of the input's dimensions, the batch's "
                                                 "first; null is any size. Null if it is not known.")),
                                   Body::array({nullptr, 64}))},
      {"preprocessing",
       with_example(nullable(base64("The file that prepares inputs, in base64; null without one.")),
                    nullptr)},
      {"owner", with_example(uuid("The user who uploaded it."), example::user_id)},
      {"has_preprocessing", with_example(boolean(), false)},
  };
}

Body global_model() {
  return object(model_properties(), "A model to train, and to predict with.");
}

Body swag_model() {
  auto properties = model_properties();
  properties.push_back(
      {"swag_first_moment", with_example(base64("The mean of the weights: a saved tensor in "
                                                "base64. Empty before the first SWAG round."),
                                         "")});
  properties.push_back(
      {"swag_second_moment", with_example(base64("The mean of the squared weights, likewise."), "")});
  return object(std::move(properties), "A global model whose training collects moments of its weights.");
}

Body mean_model() {
  auto properties = model_properties();
  properties.push_back({"models", with_example(list(uuid(), "The models that it is the mean of."),
                                               Body::array({example::model_id}))});
  return object(std::move(properties), "An ensemble: predicts with the mean of other models' outputs.");
}

std::vector<Property> local_model_properties() {
  return {
      {"id", with_example(uuid(), example::local_model_id)},
      {"round", with_example(integer("The round that it was sent for."), 0)},
      {"sample_size", with_example(integer("How many samples it was trained on."), 120)},
      {"owner", with_example(uuid("The participant who sent it."), example::user_id)},
      {"base_model",
       with_example(nullable(uuid("The global model that it is an update of.")), example::model_id)},
  };
}

Body local_model() {
  return object(local_model_properties(), "A participant's update; it lives until its round is aggregated.");
}

Body any_of(const std::vector<std::string_view>& names, std::string_view description) {
  Body schema = anything(description);
  for (const auto name : names) schema["anyOf"].push_back(ref(name));
  return schema;
}

Body layer() {
  auto kernel = Body::object();
  kernel["description"] = "Of a convolution: its sizes, or the one size of all; null for other layers.";
  kernel["example"] = nullptr;
  return object({
      {"layer_id", with_example(integer(), 2)},
      {"class_name", with_example(text(), "Linear")},
      {"depth", with_example(integer("0 is the model itself."), 1)},
      {"depth_index", with_example(nullable(integer("Its number among the layers of its depth.")), 1)},
      {"executed", with_example(boolean(), true)},
      {"var_name", with_example(text("Its name within the layer around it."), "0")},
      {"is_leaf_layer", with_example(boolean(), true)},
      {"contains_lazy_param", with_example(boolean(), false)},
      {"is_recursive", with_example(boolean("Whether it ran before."), false)},
      {"input_size", with_example(list(integer()), Body::array({1, 64}))},
      {"output_size", with_example(list(integer()), Body::array({1, 10}))},
      {"kernel_size", std::move(kernel)},
      {"trainable_params", with_example(integer(), 650)},
      {"num_params", with_example(integer(), 650)},
      {"param_bytes", with_example(integer(), 2600)},
      {"output_bytes", with_example(integer(), 40)},
      {"macs", with_example(integer("Multiplications with an addition."), 650)},
  });
}

Body statistics() {
  return nullable(object(
      {
          {"input_size", with_example(list(list(integer())), Body::parse("[[1, 64]]"))},
          {"total_input", with_example(integer("Bytes."), 256)},
          {"total_mult_adds", with_example(integer(), 650)},
          {"total_output_bytes", with_example(integer(), 40)},
          {"total_param_bytes", with_example(integer(), 2600)},
          {"total_params", with_example(integer(), 650)},
          {"trainable_params", with_example(integer(), 650)},
          {"summary_list", list(ref("Layer"), "The layers, in the order of execution.")},
      },
      "torchinfo's numbers of a model that ran once. Null without an input shape, of a local model, and "
      "where "
      "the model could not be run."));
}

// A model's own fields, and what was found out by looking at it.
Body metadata() {
  Body schema = Body::object();
  schema["allOf"] = Body::array({ref("Model"), object({{"stats", ref("Statistics")}})});
  return schema;
}

Body metric() {
  return object({
      {"id", with_example(integer(), 1)},
      {"identifier", with_example(nullable(text("Always null.")), nullptr)},
      {"key", with_example(text("The metric's name."), "accuracy")},
      {"value_float", with_example(nullable(number("The value, if it is a finite number.")), 0.93)},
      {"value_binary",
       with_example(nullable(base64("The value, if it is no number: its bytes in base64.")), nullptr)},
      {"step", with_example(integer("The model's round when it was reported."), 1)},
      {"model", with_example(uuid(), example::model_id)},
      {"reporter", with_example(uuid("The user who reported it."), example::user_id)},
      {"x_value_text",
       with_example(
           choice({"NaN", "Infinity", "-Infinity"}, "The value, if it is a number that JSON cannot say."),
           "NaN"),
       false},
  });
}

Body notification() {
  auto body = object(
      {{"round", with_example(integer("Where it means something."), 0), false},
       {"global_model_uuid",
        with_example(
            uuid("The global model; between the aggregations of a daisy chain, the local one to go on "
                 "with."),
            example::model_id)},
       {"x_mu", with_example(number("Of a round of FedProx, where the training's options set it."), 0.01),
        false},
       {"x_state", with_example(text("Of TRAINING_FINISHED: E, where it ended by an error."), "E"), false},
       {"x_reason", with_example(text("Then: why."), "Cancelled by its owner."), false}});
  return object(
      {{"notification_type",
        with_example(named<domain::NotificationKind>(
                         "What happened, and what the receiver has to do. TRAINING_START: nothing "
                         "yet. UPDATE_ROUND_START: "
                         "download the model that is named (`GET /api/models/{example::model_id}/`), train "
                         "it, and upload the result with "
                         "this round (`POST` to the same path). SWAG_ROUND_START: post the moments "
                         "of the weights, with "
                         "this round (`POST .../swag/`). MODEL_TEST_ROUND: test the model and "
                         "report at least one metric "
                         "(`POST .../metrics/`); the next round waits for that of every "
                         "participant. TRAINING_FINISHED: "
                         "nothing more comes. CLIENT_REMOVED: the receiver takes part no longer."),
                     "UPDATE_ROUND_START")},
       {"body", std::move(body)},
       {"training_uuid", with_example(uuid(), example::training_id)}},
      "What is posted to a user's message_endpoint.");
}

Body messages() {
  auto schema = list(text());
  schema["minItems"] = 1;
  schema["description"] = "What is wrong, in sentences.";
  return schema;
}

Body field_errors() {
  auto by_item = object({}, "By the index of an item that is wrong.");
  by_item["additionalProperties"] = ref("Messages");
  Body either = Body::object();
  either["anyOf"] = Body::array({ref("Messages"), std::move(by_item)});
  auto schema =
      object({},
             "What is wrong, by the field's name; `non_field_errors` or `_schema` for the body as a "
             "whole.");
  schema["additionalProperties"] = std::move(either);
  return schema;
}

}  // namespace

Body openapi_schemas() {
  Body schemas = Body::object();
  schemas["User"] = user(TokenShown::at_times);
  schemas["RegisteredUser"] = user(TokenShown::always);
  schemas["Group"] = group();
  schemas["GlobalModel"] = global_model();
  schemas["SwagModel"] = swag_model();
  schemas["MeanModel"] = mean_model();
  schemas["LocalModel"] = local_model();
  schemas["Model"] = any_of({"GlobalModel", "SwagModel", "MeanModel", "LocalModel"}, "A model of any kind.");
  schemas["Layer"] = layer();
  schemas["Statistics"] = statistics();
  schemas["Metadata"] = metadata();
  schemas["Metric"] = metric();
  add_training_schemas(schemas);
  schemas["Notification"] = notification();
  schemas["Detail"] =
      object({{"detail", with_example(text("What is wrong, in a sentence."), "Not found.")},
              {"x_hint",
               with_example(text("What would be right, where that can be said; then it is in the header "
                                 "X-Fedlog-Hint too, as with bodies of another shape."),
                            "Add participants first, then resume the training."),
               false}});
  schemas["Messages"] = messages();
  schemas["FieldErrors"] = field_errors();
  schemas["ServerError"] = object({{"error", with_example(text(), "Server Error (500)")}});
  return schemas;
}

}  // namespace fedlog::http
