#include "tools/composition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/statistics.h"
#include "config/network.h"
#include "storage/data_folder.h"
#include "tests/actors/captured_log.h"
#include "tests/temporary_folder.h"

namespace fedlog::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Superusers : public ::testing::Test {
 protected:
  static actors::SystemOptions options() {
    actors::SystemOptions options;
    options.passwords = {.memory_kib = 8, .passes = 1, .threads = 1};
    options.notifications.concurrency = 1;
    options.worker_missing = "tests need none";
    return options;
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  std::unique_ptr<actors::System> system = actors::start_system(*storage, options());
  actors::Gateway& gateway = system->gateway();
};

TEST_F(Superusers, AreCreatedOnce) {
  ASSERT_TRUE(ensure_superuser(gateway, "root:a:password").has_value());
  ASSERT_TRUE(ensure_superuser(gateway, "root:another").has_value());
  EXPECT_EQ(gateway.views().users().count(), 1U);
  const auto user = gateway.user_by_password({"root", "a:password", {}});
  ASSERT_TRUE(user.has_value());
  EXPECT_TRUE(user->superuser);
}

TEST_F(Superusers, WhoExistButCannotSignInLikeThatAreWarnedOf) {
  ASSERT_TRUE(ensure_superuser(gateway, "root:secret").has_value());
  actors::testing::CapturedLog log;
  ASSERT_TRUE(ensure_superuser(gateway, "root:secret").has_value());
  ASSERT_TRUE(ensure_superuser(gateway, "root:another").has_value());
  EXPECT_THAT(log.wait_for("\n"), StartsWith("FEDLOG_SUPERUSER changes nothing: the user exists with another "
                                             "password name=root"));
  actors::Registration boss;
  boss.username = "boss";
  boss.password = "secret";
  boss.superuser = true;
  ASSERT_TRUE(gateway.register_user(boss, "request").has_value());
  const actors::RequestContext context{
      .caller = {.id = {}, .superuser = true}, .correlation = {}, .idempotency_key = {}};
  const auto root = gateway.views().user_by_name("root")->id;
  ASSERT_TRUE(gateway.set_active(context, root, false, false).has_value());
  ASSERT_TRUE(ensure_superuser(gateway, "root:secret").has_value());
  EXPECT_THAT(log.wait_for("deactivated"), HasSubstr("fedlog user activate root"));
}

TEST_F(Superusers, NeedANameAndAPassword) {
  for (const auto* text : {"", "root", ":password", "root:"}) {
    EXPECT_THAT(ensure_superuser(gateway, text).error(), HasSubstr("name:password")) << text;
  }
  EXPECT_EQ(gateway.views().users().count(), 0U);
}

TEST_F(Superusers, AreNotMadeOfUsersThatExist) {
  actors::Registration registration;
  registration.username = "ada";
  registration.password = "secret";
  ASSERT_TRUE(gateway.register_user(registration, "request").has_value());
  EXPECT_THAT(ensure_superuser(gateway, "ada:secret").error(), HasSubstr("is no superuser"));
  EXPECT_FALSE(gateway.views().user_by_name("ada")->superuser);
}

TEST(ServerOptions, TakeTheAddressApart) {
  config::Settings settings;
  settings.server.listen = "[::1]:8123";
  const auto options = server_options(settings, 77);
  EXPECT_EQ(options.host, "::1");
  EXPECT_EQ(options.port, 8123);
  EXPECT_EQ(options.body_bytes_max, 77U);
}

TEST(ServerOptions, TellWhomToBelieveAndHowManyThreadsAreForUploads) {
  config::Settings settings;
  settings.server.trusted_proxies = {"10.0.0.0/8"};
  settings.server.allowed_hosts = {"fl.example.org"};
  settings.server.threads_max = 40;
  settings.server.upload_threads_percent = 30;
  settings.server.connections_per_address_max = 9;
  settings.server.collected_body_bytes_max = 4096;
  settings.server.bytes_per_second_min = 7;
  const auto options = server_options(settings, 77);
  EXPECT_THAT(options.trusted_proxies, ::testing::ElementsAre("10.0.0.0/8"));
  EXPECT_THAT(options.allowed_hosts, ::testing::ElementsAre("fl.example.org"));
  EXPECT_EQ(options.upload_threads_max, 12U);
  EXPECT_EQ(options.connections_per_address_max, 9U);
  EXPECT_EQ(options.collected_body_bytes_max, 4096U);
  EXPECT_EQ(options.bytes_per_second_min, 7U);
  EXPECT_FALSE(options.tls.has_value());
}

TEST(ServerOptions, SpeakTlsWhenThereIsACertificate) {
  config::Settings settings;
  settings.tls = {.certificate = "/c.pem", .key = "/k.pem"};
  const auto options = server_options(settings, 77);
  ASSERT_TRUE(options.tls.has_value());
  EXPECT_EQ(options.tls->certificate, "/c.pem");
  EXPECT_EQ(options.tls->key, "/k.pem");
}

TEST(SystemOptions, LeaveHalfOfTheServersThreadsToWhoeverSignsNobodyIn) {
  const auto together = [](std::int64_t threads_max, std::int64_t hash_threads, std::int64_t queue_max) {
    config::Settings settings;
    settings.server.threads_max = threads_max;
    settings.accounts.password_hash_threads = hash_threads;
    settings.accounts.password_queue_max = queue_max;
    const auto options = system_options(settings, "/data", "/nowhere/fedlog-server").passwords;
    return std::pair{options.threads, options.waiting_max};
  };
  EXPECT_EQ(together(64, 1, 16), (std::pair<std::size_t, std::size_t>{1, 16}));
  EXPECT_EQ(together(64, 1, 4096), (std::pair<std::size_t, std::size_t>{1, 31}));
  EXPECT_EQ(together(64, 256, 4096), (std::pair<std::size_t, std::size_t>{32, 0}));
  EXPECT_EQ(together(2, 8, 8), (std::pair<std::size_t, std::size_t>{1, 0}));
}

TEST(SystemOptions, LeaveAllThreadsToOthersWhilePredictionsWaitForWorkers) {
  const auto threads_beside = [](std::int64_t threads_max, std::int64_t slots, std::int64_t queue_limit) {
    config::Settings settings;
    settings.server.threads_max = threads_max;
    settings.worker.slots = slots;
    settings.worker.queue_limit = queue_limit;
    const auto worker = system_options(settings, "/data", "/nowhere/fedlog-server").worker;
    const auto for_statistics = actors::StatisticsLimits{}.waits_max;
    return server_options(settings, 77).threads_max - worker.slots - worker.queue.all - for_statistics;
  };
  EXPECT_EQ(threads_beside(64, 1, 16), 64U);
  EXPECT_EQ(threads_beside(8, 4, 16), 8U);
  EXPECT_EQ(threads_beside(8, 4, 1'000'000), 8U);
  config::Settings settings;
  settings.worker.queue_limit = 1'000'000;
  EXPECT_EQ(system_options(settings, "/data", "/nowhere/fedlog-server").worker.queue.all, 64U);
}

TEST(SystemOptions, GiveAWorkerProcessorTimeForWholeRequests) {
  const auto cpu_limit_s = [](std::int64_t deadline_ms) {
    config::Settings settings;
    settings.worker.deadline_ms = deadline_ms;
    return system_options(settings, "/data", "/nowhere/fedlog-server").worker.process.cpu_limit_s;
  };
  EXPECT_EQ(cpu_limit_s(30'000), 3'600U);
  EXPECT_GE(cpu_limit_s(1'800'000), 3'600U);
  EXPECT_GE(cpu_limit_s(86'400'000), 2U * 86'400);
}

TEST(SystemOptions, LeaveMostThreadsToOthersWhilePingsWaitForReceivers) {
  const auto pings_max = [](std::int64_t threads_max, std::int64_t concurrency) {
    config::Settings settings;
    settings.server.threads_max = threads_max;
    settings.notifications.concurrency = concurrency;
    return system_options(settings, "/data", "/nowhere/fedlog-server").notifications.pings_max;
  };
  EXPECT_EQ(pings_max(64, 32), 8U);
  EXPECT_EQ(pings_max(16, 32), 4U);
  EXPECT_EQ(pings_max(4, 32), 1U);
  EXPECT_EQ(pings_max(2, 1), 1U);
}

TEST(SystemOptions, SayWhyThereIsNoWorker) {
  config::Settings settings;
  settings.worker.path = "/nowhere/fedlog-model-worker";
  const auto options = system_options(settings, "/data", "/nowhere/fedlog-server");
  EXPECT_THAT(options.worker_missing, HasSubstr("/nowhere"));
  EXPECT_EQ(options.scratch_folder, "/data/tmp");
}

TEST(SystemOptions, HaveUnitsOfTheirOwn) {
  config::Settings settings;
  settings.notifications.retry_first_ms = 7;
  settings.notifications.retry_span_s = 8;
  settings.worker.memory_limit_mib = 9;
  settings.worker.spares = 5;
  const auto options = system_options(settings, "/data", "/nowhere/fedlog-server");
  EXPECT_EQ(options.notifications.retry.first, std::chrono::milliseconds{7});
  EXPECT_EQ(options.notifications.retry.span, std::chrono::seconds{8});
  EXPECT_EQ(options.worker.process.memory_limit_bytes, 9U * 1024 * 1024);
  EXPECT_EQ(options.worker.spares, 5U);
}

TEST(SystemOptions, TellTheNotifierWhomItMayPostTo) {
  config::Settings settings;
  settings.notifications.allowed_networks = {"127.0.0.0/8"};
  settings.notifications.denied_networks = {"127.0.0.2"};
  settings.notifications.total_timeout_ms = 7;
  settings.notifications.concurrency_per_receiver = 3;
  settings.notifications.poll_span_s = 2;
  const auto options = system_options(settings, "/data", "/nowhere/fedlog-server").notifications;
  const auto permits = [&](const char* address) {
    return options.permits(config::parse_ip_address(address).value());
  };
  EXPECT_TRUE(permits("127.0.0.1"));
  EXPECT_FALSE(permits("127.0.0.2"));
  EXPECT_FALSE(permits("10.0.0.1"));
  EXPECT_EQ(options.total_timeout, std::chrono::milliseconds{7});
  EXPECT_EQ(options.concurrency_per_receiver, 3U);
  EXPECT_EQ(options.poll_span, std::chrono::seconds{2});
}

TEST(SystemOptions, SayWhatHoldsForTrainingsThatDoNotSayIt) {
  config::Settings settings;
  EXPECT_EQ(system_options(settings, "/data", "/nowhere/fedlog-server").training_defaults,
            domain::TrainingOptions{});
  settings.trainings.round_deadline_s = 600;
  settings.trainings.test_deadline_s = 60;
  settings.trainings.min_updates = "0.5";
  settings.trainings.on_deadline = config::OnDeadline::error;
  settings.trainings.max_rounds_without_quorum = 3;
  settings.notifications.on_unreachable = config::OnUnreachable::error;
  auto defaults = system_options(settings, "/data", "/nowhere/fedlog-server").training_defaults;
  EXPECT_EQ(defaults.round_deadline_s, 600);
  EXPECT_EQ(defaults.test_deadline_s, 60);
  EXPECT_EQ(defaults.min_updates, 0);
  EXPECT_EQ(defaults.min_updates_fraction, 0.5);
  EXPECT_EQ(defaults.on_deadline, domain::OnDeadline::error);
  EXPECT_EQ(defaults.on_unreachable, domain::OnUnreachable::error);
  EXPECT_EQ(defaults.max_rounds_without_quorum, 3);
  settings.trainings.min_updates = "2";
  EXPECT_EQ(system_options(settings, "/data", "/nowhere/fedlog-server").training_defaults.min_updates, 2);
}

}  // namespace
}  // namespace fedlog::tools
