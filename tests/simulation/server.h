#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/submissions.h"
#include "actors/training_process.h"
#include "actors/uploads.h"
#include "tests/simulation/post_office.h"
#include "tests/simulation/surroundings.h"

namespace fedlog::simulation {

// A server without its threads: the real processes of trainings, the real views, the real schedule of
// deliveries, over a disk that survives it. What the actor system does around them is done here: spawning
// from the log, resting, waking, alarms, aggregations that take their time.
class Server {
 public:
  struct Ports {
    PostOffice::Post post;                        // a notification arrives at its receiver
    std::function<void(std::string)> crashed;     // a training's process threw
    std::function<void(const std::string&)> odd;  // something does not hold
  };

  Server(Surroundings& around, Ports ports) : around_(around), ports_(std::move(ports)) {}

  void start();
  void end();  // as by a power cut
  [[nodiscard]] bool up() const { return life_ != nullptr; }
  [[nodiscard]] bool can_write() const { return up() && !life_->storage.journal().failure(); }
  [[nodiscard]] storage::Storage& storage() const { return life_->storage; }
  [[nodiscard]] const PostOffice& post_office() const { return life_->post_office; }

  // Requests, while it is up. Each is answered once, perhaps much later; when the server ends before, as an
  // internal error, which stands for a connection that broke.
  void command(const actors::RequestContext& context, domain::TrainingId training,
               domain::TrainingCommand command, actors::Reply reply);
  void submit_update(const actors::RequestContext& context, domain::ModelId model,
                     domain::SubmitUpdate update, actors::Reply reply);
  void submit_moments(const actors::RequestContext& context, domain::ModelId model,
                      domain::SubmitMoments moments, actors::Reply reply);
  void report_metrics(const actors::RequestContext& context, domain::ReportMetrics report,
                      actors::Reply reply);
  [[nodiscard]] std::vector<storage::OutboxRow> fetch(domain::UserId receiver, std::uint64_t after);

  // Made at once. Whether it was.
  bool register_user(const domain::UserRegistered& user);
  bool change_endpoint(domain::UserId user, const std::string& endpoint);
  bool create_training(const domain::ModelUploaded& model, const domain::TrainingCreated& training);

  // What it is about, for the auditor.
  [[nodiscard]] const actors::TrainingProcess* process(domain::TrainingId training) const;
  [[nodiscard]] bool is_writing(domain::TrainingId training) const;  // an append or its result is on its way
  [[nodiscard]] bool is_working(domain::TrainingId training) const;  // an aggregation or an average is
  [[nodiscard]] std::optional<Instant> alarm(domain::TrainingId training) const;

 private:
  struct Hosted {
    std::uint64_t number = 0;  // tells a process from the ones before it
    std::unique_ptr<actors::TrainingProcess> process;
    int writing = 0;
    int working = 0;
    std::uint64_t alarms = 0;
    std::optional<Instant> alarm;
  };

  struct Life {
    Life(Server& server, Agenda::Life life);

    Agenda::Life number;
    LifeStorage storage;
    actors::Uploads uploads;
    actors::Submissions submissions;
    PostOffice post_office;
    std::map<domain::TrainingId, Hosted> hosted;
    Instant last_write{};
  };

  void plan(Duration wait, Agenda::Action action) {
    around_.agenda.after(wait, life_->number, std::move(action));
  }
  template <class Do>
  void with_process(domain::TrainingId training, const Do& action);
  template <class Do>
  void with_same_process(domain::TrainingId training, std::uint64_t number, const Do& action);
  void crashed(domain::TrainingId training, const std::string& why);
  [[nodiscard]] actors::TrainingProcess::Ports ports_of(domain::TrainingId training, std::uint64_t number);
  void append(domain::TrainingId training, std::uint64_t number, storage::Commit commit);
  void write(domain::TrainingId training, std::uint64_t number, storage::Commit commit);
  void aggregate(domain::TrainingId training, std::uint64_t number, const domain::Aggregation& aggregation);
  void average(domain::TrainingId training, std::uint64_t number, const domain::Averaging& averaging);
  void set_alarm(domain::TrainingId training, std::uint64_t number,
                 const std::optional<actors::TrainingProcess::Alarm>& alarm);
  template <class Command>
  void work(domain::TrainingId training, std::uint64_t number, Command result);
  void send(domain::TrainingId training, domain::TrainingCommand command);
  void rest_now_and_then();
  [[nodiscard]] domain::BlobId weights_of(domain::TrainingId training,
                                          const domain::Aggregation& aggregation);
  void write_unasked(domain::TrainingId training, domain::TrainingEvent event);
  void let_the_owner_ask(domain::TrainingId training, domain::TrainingCommand& command);

  Surroundings& around_;
  Ports ports_;
  Agenda::Life lives_ = 0;
  std::uint64_t processes_ = 0;
  std::unique_ptr<Life> life_;
  std::map<std::pair<domain::TrainingId, std::int64_t>, std::vector<domain::Update>> all_updates_;
  std::unique_ptr<storage::MemoryTables> backup_;  // of a disk that will lose what came after it
};

}  // namespace fedlog::simulation
