#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/auditor.h"

namespace fedlog::simulation {

// Who made a training, and everybody else who asks something of it as a whole: starts, invites, removes,
// pauses, cancels, deletes; with rights and without.
class Owner {
 public:
  Owner(Surroundings& around, Server& server, Auditor& auditor, domain::TrainingId training,
        domain::UserId owner, std::vector<domain::UserId> everybody)
      : around_(around),
        server_(server),
        auditor_(auditor),
        training_(training),
        owner_(owner),
        everybody_(std::move(everybody)) {}

  void begin();
  void behave();  // from now on: asks for nothing more, but may end a pause

 private:
  void act_now_and_then();
  void act();
  void act_as_participant();
  void control_as_participant(const domain::Caller& somebody);
  void after_error();
  void remove_all();
  void ask(const domain::Caller& by, const domain::TrainingCommand& command);
  void ask_once(const domain::Caller& by, const domain::TrainingCommand& command, const std::string& key,
                const std::shared_ptr<bool>& done);
  [[nodiscard]] domain::Caller me() const { return {owner_, false}; }

  Surroundings& around_;
  Server& server_;
  Auditor& auditor_;
  const domain::TrainingId training_;
  const domain::UserId owner_;
  const std::vector<domain::UserId> everybody_;
  bool behaves_ = false;
};

}  // namespace fedlog::simulation
