#include "actors/accounts.h"

#include <sodium.h>

#include <algorithm>
#include <set>

#include "actors/new_id.h"
#include "actors/once.h"
#include "actors/registration_rules.h"
#include "actors/rejected.h"
#include "actors/webhook_secret.h"

namespace fedlog::actors {
namespace {

constexpr std::size_t token_bytes = 20;

std::string hex(const unsigned char* bytes, std::size_t size) {
  std::string text(2 * size + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes, size);
  text.pop_back();
  return text;
}

std::string new_token() {
  unsigned char bytes[token_bytes];
  randombytes_buf(bytes, sizeof bytes);
  return hex(bytes, sizeof bytes);
}

// Tokens are found by their hash, so that whoever reads the secrets without the key learns none.
std::string user_of_token_key(std::string_view token) {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, reinterpret_cast<const unsigned char*>(token.data()), token.size());
  return "user-of-token/" + hex(digest, sizeof digest);
}

std::string token_key(domain::UserId user) {
  return "token/" + user.text();
}

std::unexpected<domain::Rejection> group_name_taken() {
  return rejected(domain::Reason::name_taken, "group with this name already exists.", "name");
}

storage::Commit commit_of(const RequestContext& context) {
  return {
      .appends = {},
      .secrets = {},
      .acting_user = context.caller.id == domain::UserId{} ? std::nullopt : std::optional{context.caller.id},
      .command = new_id(),
      .correlation = context.correlation,
      .idempotency_key = context.idempotency_key,
      .reply = {}};
}

// What is told of a group, as it is kept with an idempotency key: its number and its name.
std::string reply_of(const domain::Group& group) {
  return std::to_string(group.id.number) + " " + group.name;
}

domain::Group told_group(const std::string& reply) {
  std::size_t digits = 0;
  const domain::GroupId id{std::stoll(reply, &digits)};
  return {.id = id, .name = reply.substr(digits + 1), .members = {}, .deleted = false};
}

// Registrations come from nobody in particular, and the first answer holds a token: who wants to hear it
// again must know the name and the password. Empty without a key.
std::string registration_key(const Registration& registration, const storage::KeyRing& keys) {
  if (registration.idempotency_key.empty()) return {};
  const auto digest = keys.lookup_digest(registration.username + '\0' + registration.password);
  return registration.idempotency_key + " " +
         hex(reinterpret_cast<const unsigned char*>(digest.data()), digest.size());
}

}  // namespace

Accounts::Accounts(caf::actor_system& system, storage::Storage& storage, Passwords::Options passwords,
                   const SignIn::Options& sign_in)
    : storage_(storage),
      passwords_(passwords),
      sign_in_(storage, passwords_, sign_in),
      queue_(system, storage.journal()) {}

Result<RegisteredUser> Accounts::register_user(const Registration& registration,
                                               const std::string& correlation) {
  if (auto wrong = wrong_registration(registration)) return std::unexpected(std::move(*wrong));
  const domain::UserRegistered event{.user = {new_id()},
                                     .username = {registration.username},
                                     .first_name = {registration.first_name},
                                     .last_name = {registration.last_name},
                                     .email = {registration.email},
                                     .message_endpoint = {registration.message_endpoint},
                                     .actor = registration.actor,
                                     .client = registration.client,
                                     .superuser = registration.superuser};
  const auto key = registration_key(registration, storage_.codec().keys());
  const auto act = [&] { return register_new(event, registration.password, key, correlation); };
  return once(storage_.journal(), key, act, [&](const auto& reply) { return registered_before(reply); });
}

Result<RegisteredUser> Accounts::register_new(const domain::UserRegistered& event,
                                              const std::string& password, const std::string& idempotency_key,
                                              const std::string& correlation) {
  const auto token = new_token();
  const auto password_hash = passwords_.hash(password, true);
  if (!password_hash) return std::unexpected(too_many_sign_in());
  const auto prepare = [&]() -> Result<storage::Commit> {
    if (storage_.views().user_by_name(event.username.text)) {
      return rejected(domain::Reason::name_taken, "A user with that username already exists.", "username");
    }
    auto user_key = storage_.new_user_key(event.user);
    return storage::Commit{.appends = {{.stream = storage::stream_of(event.user),
                                        .expected_version = 0,
                                        .events = {storage::EventCodec::encode(event, user_key.key)}}},
                           .secrets = {std::move(user_key.secret),
                                       {password_key(event.user), password_hash},
                                       {token_key(event.user), storage_.seal(token)},
                                       {user_of_token_key(token), event.user.text()}},
                           .acting_user = event.user,
                           .command = new_id(),
                           .correlation = correlation,
                           .idempotency_key = idempotency_key,
                           .reply = event.user.text() + token};
  };
  auto outcome = queue_.run(prepare);
  if (!outcome) return std::unexpected(std::move(outcome.error()));
  if (!outcome->reply.empty()) return registered_before(outcome->reply);
  return RegisteredUser{.user = *storage_.views().user(event.user), .token = token};
}

// The reply that is kept with a registration: the user's id and the token.
Result<RegisteredUser> Accounts::registered_before(std::string_view reply) const {
  const auto id = domain::UserId::parse(reply.substr(0, domain::UserId{}.text().size()));
  const auto user = id ? storage_.views().user(*id) : std::nullopt;
  if (!user) return rejected(domain::Reason::user_not_found, "The user was deleted meanwhile.");
  return RegisteredUser{.user = *user, .token = std::string(reply.substr(id->text().size()))};
}

std::optional<domain::User> Accounts::user_by_token(std::string_view token) const {
  const auto text = storage_.journal().secret(user_of_token_key(token));
  const auto id = text ? domain::UserId::parse(*text) : std::nullopt;
  return id ? storage_.views().user(*id) : std::nullopt;
}

std::optional<std::string> Accounts::token_of(domain::UserId user) const {
  const auto sealed = storage_.journal().secret(token_key(user));
  return sealed ? storage_.unseal(*sealed) : std::nullopt;
}

Result<domain::User> Accounts::known_user(domain::UserId id) const {
  auto user = storage_.views().user(id);
  if (!user) return rejected(domain::Reason::user_not_found, "User " + id.text() + " not found.");
  return std::move(*user);
}

Result<void> Accounts::carry_out(const RequestContext& context, domain::UserId id,
                                 const std::function<domain::UserCommand(const domain::User&)>& command,
                                 const Secrets& secrets) {
  const auto prepare = [&]() -> Result<storage::Commit> {
    const auto user = known_user(id);
    if (!user) return std::unexpected(user.error());
    const auto events = domain::decide(*user, command(*user));
    if (!events) return std::unexpected(events.error());
    auto commit = commit_of(context);
    if (events->empty()) return commit;
    auto changes = secrets();
    if (!changes) return std::unexpected(std::move(changes.error()));
    commit.secrets = std::move(*changes);
    const auto key = storage_.codec().keys().key_of(id);
    if (!key) return rejected(domain::Reason::invalid_request, "User " + id.text() + " was erased.");
    const auto stream = storage::stream_of(id);
    commit.appends = {
        {.stream = stream, .expected_version = storage_.journal().version_of(stream), .events = {}}};
    for (const auto& event : *events) {
      commit.appends.front().events.push_back(storage::EventCodec::encode(event, *key));
    }
    return commit;
  };
  auto outcome = queue_.run(prepare);
  if (!outcome) return std::unexpected(std::move(outcome.error()));
  return {};
}

Result<domain::User> Accounts::change_user(const RequestContext& context, domain::UserId id,
                                           const UserChange& change) {
  const auto act = [&]() -> Result<domain::User> {
    if (change.message_endpoint) {
      if (auto wrong = wrong_endpoint(*change.message_endpoint)) return std::unexpected(std::move(*wrong));
    }
    const auto& secret = change.webhook_secret;
    domain::ChangeUser command{.by = context.caller,
                               .first_name = change.first_name,
                               .last_name = change.last_name,
                               .email = change.email,
                               .message_endpoint = change.message_endpoint,
                               .webhook_secret = secret ? std::optional{!secret->empty()} : std::nullopt};
    const auto secrets = [&]() -> Result<std::vector<storage::SecretChange>> {
      std::vector<storage::SecretChange> changes;
      if (secret && secret->empty()) changes.push_back({webhook_secret_key(id), std::nullopt});
      if (secret && !secret->empty()) changes.push_back({webhook_secret_key(id), storage_.seal(*secret)});
      return changes;
    };
    auto changed = carry_out(context, id, [&](const auto&) { return command; }, secrets);
    if (!changed) return std::unexpected(std::move(changed.error()));
    return known_user(id);
  };
  return once(storage_.journal(), context.idempotency_key, act, [&](const auto&) { return known_user(id); });
}

// The old token's way to the user goes.
Result<std::vector<storage::SecretChange>> Accounts::token_secrets(domain::UserId user,
                                                                   const std::string& token) const {
  std::vector<storage::SecretChange> changes;
  if (storage_.journal().secret(token_key(user))) {
    const auto old = token_of(user);
    if (!old) return rejected(domain::Reason::internal, "The old token cannot be read: it is damaged.");
    changes.push_back({user_of_token_key(*old), std::nullopt});
  }
  changes.push_back({token_key(user), storage_.seal(token)});
  changes.push_back({user_of_token_key(token), user.text()});
  return changes;
}

Result<std::string> Accounts::replace_token(const RequestContext& context, domain::UserId user) {
  auto changed = once(storage_.journal(), context, [&] {
    return carry_out(
        context, user, [&](const auto&) { return domain::ReplaceToken{context.caller}; },
        [&, token = new_token()] { return token_secrets(user, token); });
  });
  if (!changed) return std::unexpected(std::move(changed.error()));
  // Not the one that was made here: another request may have replaced it already.
  auto token = token_of(user);
  if (!token) return rejected(domain::Reason::internal, "The new token cannot be read: it is damaged.");
  return std::move(*token);
}

Result<void> Accounts::change_password(const RequestContext& context, domain::UserId id,
                                       const PasswordChange& change) {
  return once(storage_.journal(), context, [&]() -> Result<void> {
    const auto user = known_user(id);
    if (!user) return std::unexpected(user.error());
    domain::ChangePassword command{.by = context.caller, .old_password_is_right = true};
    // Whether the caller may at all, before anything is hashed.
    if (auto allowed = domain::decide(*user, command); !allowed) {
      return std::unexpected(std::move(allowed.error()));
    }
    if (!domain::may_set_password_without_the_old(context.caller)) {
      const auto right = is_right(*user, change);
      if (!right) return std::unexpected(right.error());
      command.old_password_is_right = *right;
      if (auto allowed = domain::decide(*user, command); !allowed) {
        return std::unexpected(std::move(allowed.error()));
      }
    }
    const auto hash = passwords_.hash(change.new_password, false);
    if (!hash) return std::unexpected(too_many_sign_in());
    return carry_out(
        context, id, [&](const auto&) { return command; },
        [&]() -> Result<std::vector<storage::SecretChange>> {
          return std::vector<storage::SecretChange>{{password_key(id), hash}};
        });
  });
}

Result<bool> Accounts::is_right(const domain::User& user, const PasswordChange& change) {
  if (!change.old_password) return false;
  const auto signed_in = sign_in_.user_by_password(
      {.username = user.username.text, .password = *change.old_password, .address = change.address});
  if (signed_in) return true;
  if (signed_in.error().reason == domain::Reason::wrong_credentials) return false;
  return std::unexpected(signed_in.error());
}

Result<domain::User> Accounts::set_active(const RequestContext& context, domain::UserId id, bool active,
                                          bool even_if_running) {
  const auto command = [&](const domain::User&) -> domain::UserCommand {
    if (active) return domain::ActivateUser{context.caller};
    return domain::DeactivateUser{.by = context.caller,
                                  .other_superusers = has_other_superusers(id),
                                  .running = trainings_run_by(id),
                                  .even_if_running = even_if_running};
  };
  auto changed = once(storage_.journal(), context, [&] {
    return carry_out(context, id, command, [] { return std::vector<storage::SecretChange>{}; });
  });
  if (!changed) return std::unexpected(std::move(changed.error()));
  return known_user(id);
}

bool Accounts::has_other_superusers(domain::UserId id) const {
  bool found = false;
  storage_.views().users().visit([&](const domain::User& user) {
    found = user.superuser && user.active && user.id != id;
    return !found;
  });
  return found;
}

std::vector<domain::TrainingId> Accounts::trainings_run_by(domain::UserId actor) const {
  std::vector<domain::TrainingId> running;
  storage_.views().trainings_of_actor(actor).visit([&](const domain::Training& training) {
    if (domain::is_running(training.state)) running.push_back(training.id);
    return true;
  });
  return running;
}

Result<domain::Group> Accounts::create_group(const RequestContext& context, const std::string& name) {
  const auto act = [&]() -> Result<domain::Group> {
    domain::Group made;
    const auto prepare = [&]() -> Result<storage::Commit> {
      const auto& views = storage_.views();
      if (views.group_by_name(name)) return group_name_taken();
      const domain::GroupId id{views.last_group_number() + 1};
      made = {.id = id, .name = name, .members = {}, .deleted = false};
      auto commit = commit_of(context);
      commit.appends = {
          {.stream = storage::stream_of(id),
           .expected_version = 0,
           .events = {storage::EventCodec::encode(domain::GroupEvent{domain::GroupCreated{id, name}})}}};
      commit.reply = reply_of(made);
      return commit;
    };
    auto outcome = queue_.run(prepare);
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    return outcome->reply.empty() ? made : told_group(outcome->reply);
  };
  return once(storage_.journal(), context.idempotency_key, act, told_group);
}

Result<domain::Group> Accounts::change_group(const RequestContext& context, domain::GroupId id,
                                             const domain::GroupCommand& command) {
  const auto act = [&]() -> Result<domain::Group> {
    domain::Group after;
    const auto prepare = [&]() -> Result<storage::Commit> {
      const auto& views = storage_.views();
      const auto group = views.group(id);
      if (!group) {
        return rejected(domain::Reason::group_not_found,
                        "Group " + std::to_string(id.number) + " not found.");
      }
      auto events = domain::decide(*group, command);
      if (!events) return std::unexpected(std::move(events.error()));
      if (const auto* rename = std::get_if<domain::RenameGroup>(&command)) {
        const auto holder = views.group_by_name(rename->name);
        if (holder && holder->id != id) return group_name_taken();
      }
      after = *group;
      for (const auto& event : *events) domain::evolve(after, event);
      auto commit = commit_of(context);
      commit.reply = reply_of(after);
      if (events->empty()) return commit;
      const auto stream = storage::stream_of(id);
      commit.appends = {
          {.stream = stream, .expected_version = storage_.journal().version_of(stream), .events = {}}};
      for (const auto& event : *events) {
        commit.appends.front().events.push_back(storage::EventCodec::encode(event));
      }
      return commit;
    };
    auto outcome = queue_.run(prepare);
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    return outcome->reply.empty() ? after : told_group(outcome->reply);
  };
  return once(storage_.journal(), context.idempotency_key, act, told_group);
}

Result<void> Accounts::check_users(const std::vector<domain::UserId>& users) const {
  const std::set<domain::UserId> distinct{users.begin(), users.end()};
  const bool all_exist = std::ranges::all_of(
      distinct, [&](domain::UserId user) { return storage_.views().user(user).has_value(); });
  if (!all_exist || distinct.size() != users.size()) {
    return rejected(domain::Reason::participants_not_found, "Not all provided users were found!");
  }
  return {};
}

}  // namespace fedlog::actors
