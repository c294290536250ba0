#include "tests/simulation/world.h"

#include <algorithm>

#include "tests/simulation/digest.h"

namespace fedlog::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration longest_peace = 7 * 24h;
constexpr std::uint64_t steps_to_a_power_cut = 200;

}  // namespace

World::World(std::uint64_t seed, Fault fault)
    : around_(seed, fault),
      auditor_(around_),
      server_(around_, {.post = [this](const auto& row) { return post(row); },
                        .crashed = [this](const auto& what) { auditor_.complain(what); },
                        .odd = [this](const auto& what) { auditor_.complain(what); }}) {}

// Requests that are still under way are broken off while those who made them are still there to hear of it.
World::~World() {
  if (server_.up()) server_.end();
  around_.agenda.clear();
}

PostOffice::Answer World::post(const storage::OutboxRow& row) {
  const auto person =
      std::ranges::find(people_, row.notification.receiver, [](const auto& each) { return each->id(); });
  auto answer = (*person)->receive(row);
  auditor_.posted(row, answer.status);
  return answer;
}

// --- people and trainings

Habits World::some_habits() {
  const auto some = [&](unsigned most) {
    return around_.random.in_percent(50) ? 0 : static_cast<unsigned>(around_.random.below(most + 1));
  };
  return {.refuses = some(4),
          .says_later = some(30),
          .hangs = some(10),
          .forgets = some(10),
          .dawdles = some(30),
          .repeats = some(30),
          .sends_garbage = some(30),
          .gives_up = some(20)};
}

void World::populate() {
  const auto count = 3 + around_.random.below(4);
  for (std::uint64_t number = 0; number < count; ++number) {
    const domain::UserId id{around_.random.uuid()};
    people_.push_back(std::make_unique<Person>(around_, server_, auditor_, id, some_habits()));
    server_.register_user({.user = id,
                           .username = {"user" + std::to_string(number)},
                           .first_name = {},
                           .last_name = {},
                           .email = {},
                           .message_endpoint = {people_.back()->endpoint()},
                           .actor = true,
                           .client = true,
                           .superuser = false});
  }
  const auto trainings = 1 + around_.random.below(3);
  for (std::uint64_t number = 0; number < trainings; ++number)
    found_training(static_cast<std::uint8_t>(number));
}

domain::TrainingCreated World::some_training() {
  auto& random = around_.random;
  domain::TrainingCreated created;
  created.training = {random.uuid()};
  created.model = {random.uuid()};
  created.model_version = 2;
  created.actor = people_[random.below(people_.size())]->id();
  created.aggregation_method =
      std::array{domain::AggregationMethod::fed_avg, domain::AggregationMethod::fed_dc,
                 domain::AggregationMethod::fed_prox}[random.below(3)];
  if (random.in_percent(30)) created.uncertainty_method = domain::UncertaintyMethod::swag;
  auto& options = created.options;
  if (created.aggregation_method == domain::AggregationMethod::fed_dc) {
    options.daisy_chain_period = random.between(0, 3);
  }
  const auto period = std::max<std::int64_t>(1, options.daisy_chain_period);
  created.target_num_updates = random.between(1, 3) * period;
  if (random.in_percent(60)) options.round_deadline_s = random.between(1, 20) * 60 / around_.haste;
  if (random.in_percent(60)) options.test_deadline_s = random.between(1, 20) * 60 / around_.haste;
  if (random.in_percent(30)) options.min_updates = random.between(1, 4);
  options.min_updates_fraction = std::array{0.1, 0.34, 0.5, 0.75, 1.0}[random.below(5)];
  if (random.in_percent(15)) options.on_deadline = domain::OnDeadline::error;
  if (random.in_percent(15)) options.on_unreachable = domain::OnUnreachable::error;
  options.max_rounds_without_quorum = random.between(0, 3);
  if (random.in_percent(50)) options.mu = random.uniform();
  options.open_to_join = random.in_percent(50);
  for (const auto& person : people_) {
    if (random.in_percent(75)) created.participants.push_back(person->id());
  }
  return created;
}

void World::found_training(std::uint8_t number) {
  auto created = some_training();
  const auto weights = blob_of("model " + std::to_string(number));
  created.weights = weights;
  server_.create_training({.model = created.model,
                           .kind = domain::ModelKind::global,
                           .owner = created.actor,
                           .name = "model",
                           .description = {},
                           .input_shape = {},
                           .round = 0,
                           .weights = weights,
                           .preprocessing = {},
                           .members = {},
                           .copied_from = {}},
                          created);
  std::vector<domain::UserId> everybody;
  for (const auto& person : people_) everybody.push_back(person->id());
  owners_.push_back(std::make_unique<Owner>(around_, server_, auditor_, created.training, created.actor,
                                            std::move(everybody)));
}

// --- trouble

void World::restart(Duration away) {
  if (!server_.up()) return;
  server_.end();
  around_.happenings.count("restarts");
  around_.tell([] { return "the server ends"; });
  plan(away, [this] {
    server_.start();
    auditor_.server_started(server_);
    around_.tell([] { return "the server starts"; });
  });
}

void World::restart_now_and_then() {
  plan(around_.some_time(1s, 2h), [this] {
    if (!trouble_) return;
    restart(around_.random.in_percent(80) ? around_.some_time(0ms, 20s) : around_.some_time(1min, 20min));
    restart_now_and_then();
  });
}

void World::jump_now_and_then() {
  plan(around_.some_time(5min, 2h), [this] {
    if (!trouble_) return;
    around_.clock_offset +=
        around_.random.in_percent(50) ? around_.some_time(-3h, 3h) : around_.some_time(-5s, 5s);
    auditor_.clock_jumped();
    around_.happenings.count("clock jumps");
    around_.tell([] { return "the clock jumps"; });
    jump_now_and_then();
  });
}

// What does not fit on the disk is refused until there is room again and the server is restarted.
void World::fill_disk_now_and_then() {
  plan(around_.some_time(10min, 4h), [this] {
    if (!trouble_) return;
    around_.disk.full = true;
    around_.happenings.count("full disks");
    around_.tell([] { return "the disk is full"; });
    plan(around_.some_time(1s, 10min), [this] {
      around_.disk.full = false;
      restart(1s);
    });
    fill_disk_now_and_then();
  });
}

void World::end_trouble() {
  trouble_ = false;
  around_.tell([] { return "all behave from now on"; });
  around_.disk.full = false;
  restart(1s);
  for (const auto& person : people_) person->behave();
  plan(30min, [this] {
    for (const auto& owner : owners_) owner->behave();
  });
}

// Now and then the server ends right after something happened, before what comes of it.
void World::step() {
  around_.agenda.step();
  auditor_.look(server_);
  if (trouble_ && around_.random.below(steps_to_a_power_cut) == 0) restart(around_.some_time(0ms, 20s));
}

Report World::live() {
  if (around_.random.in_percent(35)) around_.haste = 20;
  server_.start();
  populate();
  for (const auto& person : people_) person->begin();
  for (const auto& owner : owners_) owner->begin();
  restart_now_and_then();
  jump_now_and_then();
  fill_disk_now_and_then();
  plan(around_.some_time(20min, 4h), [this] { end_trouble(); });

  while (trouble_ && auditor_.complaints().empty()) step();
  const auto peace = around_.agenda.now();
  const auto goes_on = [&] {
    const auto past = around_.agenda.now() - peace;
    return past < longest_peace && (past < 1h || !auditor_.all_at_rest() || !server_.up());
  };
  while (auditor_.complaints().empty() && goes_on()) step();
  if (auditor_.complaints().empty()) auditor_.close(server_);
  return {.complaints = auditor_.complaints(), .happenings = around_.happenings};
}

}  // namespace fedlog::simulation
