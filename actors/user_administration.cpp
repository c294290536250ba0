#include <caf/all.hpp>

#include "actors/accounts.h"
#include "actors/system.h"

namespace fedlog::actors {
namespace {

caf::actor_system_config one_thread() {
  caf::actor_system_config configuration;
  configuration.set("scheduler.max-threads", std::size_t{1});
  return configuration;
}

class AccountsAlone final : public UserAdministration {
 public:
  AccountsAlone(storage::Storage& storage, const Passwords::Options& passwords)
      : storage_(storage),
        configuration_(one_thread()),
        actors_(configuration_),
        accounts_(actors_, storage, passwords, {}) {}

  Result<RegisteredUser> register_user(const Registration& registration,
                                       const std::string& correlation) override {
    return accounts_.register_user(registration, correlation);
  }
  Result<std::string> replace_token(const RequestContext& context, domain::UserId user) override {
    return accounts_.replace_token(context, user);
  }
  Result<void> change_password(const RequestContext& context, domain::UserId user,
                               const PasswordChange& change) override {
    return accounts_.change_password(context, user, change);
  }
  Result<domain::User> set_active(const RequestContext& context, domain::UserId user, bool active,
                                  bool even_if_running) override {
    return accounts_.set_active(context, user, active, even_if_running);
  }
  const storage::Views& views() const override { return storage_.views(); }

 private:
  storage::Storage& storage_;
  caf::actor_system_config configuration_;
  caf::actor_system actors_;
  Accounts accounts_;
};

}  // namespace

std::unique_ptr<UserAdministration> administer_users(storage::Storage& storage,
                                                     const Passwords::Options& passwords) {
  return std::make_unique<AccountsAlone>(storage, passwords);
}

}  // namespace fedlog::actors
