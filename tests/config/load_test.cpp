#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/settings.h"

namespace fedlog::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class LoadedFile : public testing::Test {
 protected:
  LoadedFile() {
    path_ = std::filesystem::temp_directory_path() /
            ("fedlog-config-" + std::to_string(getpid()) + "-" +
             testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml");
  }
  ~LoadedFile() override { std::filesystem::remove(path_); }

  std::expected<Settings, std::string> load_text(const std::string& text, const Texts& environment = {},
                                                 const Texts& flags = {}) {
    std::ofstream(path_) << text;
    return load(path_, environment, flags);
  }
  std::string error_of(const std::string& text) {
    const auto loaded = load_text(text);
    return loaded ? "no error" : loaded.error();
  }
  std::string at(const std::string& position) const { return path_.string() + ":" + position + ": "; }

  std::filesystem::path path_;
};

std::string variable_error(const std::string& name, const std::string& text) {
  const auto loaded = load(std::nullopt, {{name, text}}, {});
  return loaded ? "no error" : loaded.error();
}

TEST(Load, GivesTheDefaultsWhenNothingIsSet) {
  const auto settings = load(std::nullopt, {}, {});
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->server.listen, "127.0.0.1:8000");
  EXPECT_EQ(settings->accounts.registration, Registration::open);
  EXPECT_THAT(settings->cors.allowed_origins, ElementsAre("*"));
}

TEST_F(LoadedFile, SetsAKeyOfEachType) {
  const auto settings = load_text(
      "[server]\nlisten = \"[::1]:0\"\nconnections_max = 7\n"
      "[cors]\nallowed_origins = [\"https://a.example\", \"https://b.example\"]\n"
      "[models]\naccess = \"open\"\nrequire_finite_updates = false\n"
      "[worker]\npath = \"/opt/worker\"\n"
      "[log]\nlevel = \"warn\"\nformat = \"json\"\n");
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->server.listen, "[::1]:0");
  EXPECT_EQ(settings->server.connections_max, 7);
  EXPECT_THAT(settings->cors.allowed_origins, ElementsAre("https://a.example", "https://b.example"));
  EXPECT_EQ(settings->models.access, ModelAccess::open);
  EXPECT_FALSE(settings->models.require_finite_updates);
  EXPECT_EQ(settings->worker.path, "/opt/worker");
  EXPECT_EQ(settings->log.level, LogLevel::warn);
  EXPECT_EQ(settings->log.format, LogFormat::json);
}

TEST_F(LoadedFile, MayBeEmpty) {
  EXPECT_TRUE(load_text(""));
}

TEST_F(LoadedFile, IsOverriddenByTheEnvironmentAndThatByTheCommandLine) {
  const auto settings =
      load_text("[server]\nthreads_max = 3\nconnections_max = 3\nheader_timeout_ms = 33\n",
                {{"FEDLOG_SERVER__THREADS_MAX", "4"}, {"FEDLOG_SERVER__CONNECTIONS_MAX", "4"}},
                {{"server.connections_max", "5"}});
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->server.header_timeout_ms, 33);
  EXPECT_EQ(settings->server.threads_max, 4);
  EXPECT_EQ(settings->server.connections_max, 5);
}

TEST_F(LoadedFile, WithAnUnknownKeyNamesItsLineAndTheNearestKey) {
  EXPECT_EQ(error_of("[server]\n\nlisten_to = \"127.0.0.1:1\"\n"),
            at("3:1") + "unknown key \"server.listen_to\"; did you mean \"server.listen\"?");
}

TEST_F(LoadedFile, WithAKeyInTheWrongSectionNamesTheRightOne) {
  EXPECT_EQ(error_of("[storage]\njson_bytes_max = 9\n"),
            at("2:1") + "unknown key \"storage.json_bytes_max\"; did you mean \"limits.json_bytes_max\"?");
}

TEST_F(LoadedFile, WithAKeyUnlikeAnyPointsToTheSample) {
  EXPECT_EQ(error_of("[server]\ncolour_of_the_sky = 1\n"),
            at("2:1") + "unknown key \"server.colour_of_the_sky\"; config/fedlog.toml names every key");
}

TEST_F(LoadedFile, WithAnUnknownSectionNamesItsLine) {
  EXPECT_THAT(error_of("[log]\n[logging]\nlevel = \"info\"\n"),
              AllOf(StartsWith(at("2:2")), HasSubstr("unknown section [logging]")));
}

TEST_F(LoadedFile, WithAKeyOutsideOfASectionNamesTheSection) {
  EXPECT_EQ(error_of("listen = \"127.0.0.1:1\"\n"),
            at("1:1") + "unknown key \"listen\"; did you mean \"server.listen\"?");
  EXPECT_THAT(error_of("server = 3\n"), AllOf(StartsWith(at("1:1")), HasSubstr("\"server\" is a section")));
}

TEST_F(LoadedFile, WithAValueOutOfRangeNamesTheRange) {
  EXPECT_EQ(error_of("[server]\n  threads_max = 1\n"),
            at("2:17") + "server.threads_max must be a whole number from 2 to 4096, not 1");
}

TEST_F(LoadedFile, WithAValueOfAnotherTypeNamesBothTypes) {
  EXPECT_EQ(error_of("[server]\nthreads_max = \"many\"\n"),
            at("2:15") + "server.threads_max must be a whole number from 2 to 4096, not of type string");
  EXPECT_THAT(error_of("[models]\nrequire_finite_updates = 1\n"),
              EndsWith("must be true or false, not of type integer"));
  EXPECT_THAT(error_of("[cors]\nallowed_origins = [\"a\", 1]\n"),
              EndsWith("in small letters; or *, not a list with an entry of type integer"));
  EXPECT_THAT(error_of("[server.listen]\nhost = 1\n"), EndsWith("must be HOST:PORT, not of type table"));
}

TEST_F(LoadedFile, WithAListEntryThatIsMalformedNamesIt) {
  EXPECT_EQ(error_of("[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.1/8\"]\n"),
            at("2:19") +
                "server.trusted_proxies must be a list of addresses and networks in CIDR notation, not "
                "\"10.0.0.1/8\"");
  for (const std::string origin : {"", "example.org", "https://example.org/", "https://Example.org",
                                   "https://", "https://a b", "://x", "**"}) {
    EXPECT_THAT(error_of("[cors]\nallowed_origins = [\"" + origin + "\"]\n"),
                AllOf(HasSubstr("cors.allowed_origins must be a list of origins"),
                      EndsWith("not \"" + origin + "\"")));
  }
}

TEST_F(LoadedFile, WithACertificateNeedsItsKey) {
  EXPECT_EQ(error_of("[tls]\ncertificate = \"c\"\n"),
            at("2:15") + "tls.key is missing: tls.certificate is set, and needs its key");
  EXPECT_EQ(error_of("[tls]\nkey = \"k\"\n"),
            at("2:7") + "tls.certificate is missing: tls.key is set, and needs its certificate");
  EXPECT_EQ(error_of("[tls]\ncertificate = \"c\"\nkey = \"k\"\n"), "no error");
}

TEST_F(LoadedFile, WithAnUnknownChoiceNamesTheChoices) {
  EXPECT_EQ(
      error_of("[log]\nlevel = \"loud\"\n"),
      at("2:9") +
          "log.level must be \"trace\", \"debug\", \"info\", \"warn\", \"error\" or \"off\", not \"loud\"");
}

TEST_F(LoadedFile, ThatIsNoTomlNamesTheLine) {
  EXPECT_THAT(error_of("[server]\nlisten 127.0.0.1\n"), StartsWith(at("2:8")));
}

TEST_F(LoadedFile, ThatNestsTooDeeplyIsRefused) {
  EXPECT_THAT(error_of("a = " + std::string(100'000, '[')), StartsWith(at("1:261")));
}

TEST_F(LoadedFile, WithRepetitionsThatContradictEachOtherNamesBothKeys) {
  EXPECT_EQ(
      error_of("[notifications]\nretry_first_ms = 100\nretry_max_ms = 99\n"),
      at("3:16") + "notifications.retry_first_ms (100) must not exceed notifications.retry_max_ms (99)");
  const auto mixed = load_text("[notifications]\nretry_first_ms = 100\n",
                               {{"FEDLOG_NOTIFICATIONS__RETRY_MAX_MS", "99"}}, {});
  ASSERT_FALSE(mixed);
  EXPECT_THAT(mixed.error(), StartsWith("FEDLOG_NOTIFICATIONS__RETRY_MAX_MS: notifications.retry_first_ms"));
}

TEST_F(LoadedFile, WithListsThatTakeMoreThanAllTheirMemoryNamesBothKeys) {
  EXPECT_EQ(
      error_of("[limits]\nlist_bytes_max = 5000\nlist_memory_bytes_max = 9999\n"),
      at("3:25") +
          "limits.list_memory_bytes_max (9999) must be at least twice limits.list_bytes_max (5000), which "
          "one list can take");
  EXPECT_EQ(error_of("[limits]\nlist_bytes_max = 5000\nlist_memory_bytes_max = 10000\n"), "no error");
}

TEST(Load, NamesAVariableWithOneUnderscoreForTwo) {
  const auto loaded = load(std::nullopt, {{"FEDLOG_SERVER_LISTEN", "127.0.0.1:1"}}, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error(), "FEDLOG_SERVER_LISTEN: did you mean FEDLOG_SERVER__LISTEN?");
  EXPECT_TRUE(load(std::nullopt, {{"FEDLOG_SUPERUSER", "root:root"}}, {}));
}

TEST(Load, NamesAFileThatIsNotThere) {
  const auto loaded = load("/nonexistent/fedlog.toml", {}, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error(),
            "/nonexistent/fedlog.toml: cannot read the configuration: No such file or directory");
}

TEST(Load, NamesAFolderGivenAsFile) {
  const auto loaded = load("/", {}, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error(), "/: cannot read the configuration: Is a directory");
}

TEST(Environment, SetsAKeyOfEachType) {
  const auto settings = load(std::nullopt,
                             {{"FEDLOG_SERVER__LISTEN", "0.0.0.0:80"},
                              {"FEDLOG_LIMITS__MODEL_BYTES_MAX", "4096"},
                              {"FEDLOG_CORS__ALLOWED_ORIGINS", "https://a.example, http://[::1]:3000"},
                              {"FEDLOG_MODELS__REQUIRE_FINITE_UPDATES", "false"},
                              {"FEDLOG_ACCOUNTS__REGISTRATION", "closed"}},
                             {});
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->server.listen, "0.0.0.0:80");
  EXPECT_EQ(settings->limits.model_bytes_max, 4096);
  EXPECT_THAT(settings->cors.allowed_origins, ElementsAre("https://a.example", "http://[::1]:3000"));
  EXPECT_FALSE(settings->models.require_finite_updates);
  EXPECT_EQ(settings->accounts.registration, Registration::closed);
}

TEST(Environment, CanEmptyAList) {
  const auto settings = load(std::nullopt, {{"FEDLOG_CORS__ALLOWED_ORIGINS", ""}}, {});
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_THAT(settings->cors.allowed_origins, IsEmpty());
}

TEST(Environment, NamesAVariableThatIsNoKey) {
  EXPECT_EQ(variable_error("FEDLOG_SERVER__LISTN", "x"),
            "FEDLOG_SERVER__LISTN: unknown key \"server.listn\"; did you mean \"server.listen\"?");
}

TEST(Environment, MayHoldOtherVariables) {
  EXPECT_EQ(variable_error("FEDLOG_SUPERUSER", "root:secret"), "no error");
  EXPECT_EQ(variable_error("FEDLOG_FIXTURES", "/somewhere"), "no error");
  EXPECT_EQ(variable_error("OTHER__KEY", "1"), "no error");
}

TEST(Environment, NamesTheVariableOfABadValue) {
  EXPECT_EQ(
      variable_error("FEDLOG_SERVER__THREADS_MAX", "10x"),
      "FEDLOG_SERVER__THREADS_MAX: server.threads_max must be a whole number from 2 to 4096, not \"10x\"");
  EXPECT_THAT(variable_error("FEDLOG_SERVER__THREADS_MAX", ""), HasSubstr("not \"\""));
  EXPECT_THAT(variable_error("FEDLOG_SERVER__THREADS_MAX", "99999999999999999999"), HasSubstr("must be"));
  EXPECT_THAT(variable_error("FEDLOG_MODELS__REQUIRE_FINITE_UPDATES", "yes"),
              HasSubstr("must be true or false"));
}

TEST(Environment, IsReadFromTheProcess) {
  ASSERT_EQ(setenv("FEDLOG_LOG__LEVEL", "a=b", 1), 0);
  const Texts variables = fedlog_environment();
  unsetenv("FEDLOG_LOG__LEVEL");
  EXPECT_EQ(variables.at("FEDLOG_LOG__LEVEL"), "a=b");
  EXPECT_FALSE(variables.contains("PATH"));
}

TEST(CommandLine, NamesAnUnknownKey) {
  const auto loaded = load(std::nullopt, {}, {{"log.levl", "info"}});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error(), "command line: unknown key \"log.levl\"; did you mean \"log.level\"?");
}

TEST(MinUpdates, AreACountOrAFractionOfTheParticipants) {
  EXPECT_EQ(parse_min_updates("3")->count, 3);
  EXPECT_EQ(parse_min_updates("2000")->count, 2000);
  EXPECT_EQ(parse_min_updates("0.5")->count, 0);
  EXPECT_EQ(parse_min_updates("0.5")->fraction, 0.5);
  EXPECT_EQ(parse_min_updates("1.0")->fraction, 1.0);
  for (const auto* text :
       {"", "0", "-1", "2001", "0.0", "1.1", "-0.5", "1.0x", "half", "1e3", "0x1", "nan", "1 "}) {
    EXPECT_FALSE(parse_min_updates(text)) << text;
  }
}

TEST_F(LoadedFile, WithMinUpdatesThatAreNoneSaysWhatTheyAre) {
  EXPECT_THAT(error_of("[trainings]\nmin_updates = \"1.5\""),
              HasSubstr("trainings.min_updates must be a whole number from 1 to 2000, or a fraction"));
}

TEST(ListenAddress, HasAHostAndAPort) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:8000")->host, "127.0.0.1");
  EXPECT_EQ(parse_listen_address("127.0.0.1:8000")->port, 8000);
  EXPECT_EQ(parse_listen_address("localhost:0")->port, 0);
  EXPECT_EQ(parse_listen_address("[::1]:443")->host, "::1");
}

TEST(ListenAddress, RefusesWhatIsNone) {
  for (const char* text : {"", ":", "8000", ":8000", "host", "host:", "host:65536", "host:-1", "host:8 ",
                           "ho st:8", "::1:8000", "[]:8000", "host:8x"}) {
    EXPECT_FALSE(parse_listen_address(text)) << text;
  }
}

}  // namespace
}  // namespace fedlog::config
