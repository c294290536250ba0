#include "http/list_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/case_folding.h"
#include "http/page_links.h"
#include "tests/http/message_builders.h"

namespace fedlog::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_request;

const std::vector<ListField>& fields() {
  static const std::vector<ListField> made{
      {.rule = {.name = "name", .blank = true}, .searchable = true},
      {.rule = {.name = "round", .type = FieldType::integer}},
      {.rule = {.name = "state", .type = FieldType::choice, .choices = {"I", "O"}}},
      {.rule = {.name = "updated"}, .filterable = false},
      {.rule = {.name = "locked", .type = FieldType::boolean}, .orderable = false},
      {.rule = {.name = "id", .type = FieldType::uuid}}};
  return made;
}

ListQuery read(const std::string& query) {
  auto read = read_list_query(make_request("GET", "/api/things/?" + query), fields());
  EXPECT_TRUE(read.has_value()) << query << ": " << std::get<std::string>(read.error().body);
  return read.value_or(ListQuery{});
}

std::string refusal(const std::string& query) {
  const auto read = read_list_query(make_request("GET", "/api/things/?" + query), fields());
  if (read) return "(none)";
  EXPECT_EQ(read.error().status, 400);
  return std::get<std::string>(read.error().body);
}

TEST(ListQuery, OfNothingIsThePlainList) {
  for (const auto* query : {"", "&", "format=json", "search=", "search=+,", "ordering=", "ordering=,+,"}) {
    const auto read_query = read(query);
    EXPECT_FALSE(read_query.page) << query;
    EXPECT_FALSE(read_query.selects()) << query;
    EXPECT_THAT(read_query.ordering, IsEmpty()) << query;
  }
}

TEST(ListQuery, ReadsPagesAsTheFrameworkDoes) {
  struct Case {
    const char* query;
    std::uint64_t limit;
    std::uint64_t offset;
  };
  const Case cases[] = {
      {"limit=20", 20, 0},
      {"limit=20&offset=40", 20, 40},
      {"offset=40", 100, 40},
      {"limit=+7+&offset=%2B3", 7, 3},
      {"limit=1001", 1000, 0},
      {"limit=99999999999999999999999", 1000, 0},
      {"limit=0", 100, 0},
      {"limit=-1&offset=-1", 100, 0},
      {"limit=ten&offset=1e3", 100, 0},
      {"limit=&offset=", 100, 0},
      {"limit=5&limit=6", 6, 0},
      {"limit=5&offset=18446744073709551616", 5, UINT64_MAX},
      {"limit=5&offset=18446744073709551615", 5, UINT64_MAX},
      {"limit=5&offset=18446744073709551609", 5, UINT64_MAX - 6},
  };
  for (const auto& expected : cases) {
    const auto page = read(expected.query).page;
    ASSERT_TRUE(page) << expected.query;
    EXPECT_EQ(page->limit, expected.limit) << expected.query;
    EXPECT_EQ(page->offset, expected.offset) << expected.query;
  }
}

TEST(ListQuery, OrdersByItsFieldsEachOnce) {
  const auto ordering = read("ordering=-round,+name,round,,").ordering;
  ASSERT_EQ(ordering.size(), 2U);
  EXPECT_EQ(ordering[0].field, 1U);
  EXPECT_TRUE(ordering[0].descending);
  EXPECT_EQ(ordering[1].field, 0U);
  EXPECT_FALSE(ordering[1].descending);
  EXPECT_EQ(read("ordering=updated").ordering[0].field, 3U);
}

TEST(ListQuery, RefusesToOrderByWhatItHasNot) {
  EXPECT_EQ(refusal("ordering=name,-colour"),
            R"({"ordering":["Unknown field 'colour'. This list can be ordered by name, round, state, )"
            R"(updated, id."]})");
  EXPECT_THAT(refusal("ordering=locked"), HasSubstr("Unknown field 'locked'"));
  EXPECT_THAT(refusal("ordering=--name"), HasSubstr("Unknown field '-name'"));
  EXPECT_THAT(refusal("ordering=%00%22"), HasSubstr(R"('\u0000\"')"));
}

TEST(ListQuery, SearchesForWordsBetweenSpacesAndCommasInAnyCase) {
  EXPECT_THAT(read("search=Two+words").words, ElementsAre("two", "words"));
  EXPECT_THAT(read("search=,a%09b,+,c,").words, ElementsAre("a", "b", "c"));
  EXPECT_THAT(read("search=M%C3%9CLLER").words, ElementsAre("m\u00fcller"));
}

TEST(ListQuery, RefusesTooManyWords) {
  std::string words = "search=a";
  for (std::size_t count = 1; count < search_words_max; ++count) words += "+a";
  EXPECT_EQ(read(words).words.size(), search_words_max);
  EXPECT_EQ(refusal(words + "+a"), R"({"search":["At most 16 words can be searched for at once."]})");
}

TEST(ListQuery, SelectsByEqualityWithTypedValues) {
  const auto filters = read("round=+7&state=O&locked=True&name=&id=0000000000004000800000000000000A").filters;
  ASSERT_EQ(filters.size(), 5U);
  EXPECT_EQ(filters[0].field, 0U);
  EXPECT_EQ(filters[0].value, "");
  EXPECT_EQ(filters[1].value, 7);
  EXPECT_EQ(filters[2].value, "O");
  EXPECT_EQ(filters[3].value, true);
  EXPECT_EQ(filters[4].value, "00000000-0000-4000-8000-00000000000a");
  EXPECT_EQ(read("round=7&round=8").filters[0].value, 8);
}

TEST(ListQuery, RefusesValuesThatDoNotFitTheirField) {
  EXPECT_EQ(refusal("round=many"), R"({"round":["A valid integer is required."]})");
  EXPECT_EQ(refusal("locked=maybe"), R"({"locked":["Must be a valid boolean."]})");
  EXPECT_THAT(refusal("id=1"), HasSubstr(R"({"id":["Must be a valid UUID."]})"));
  EXPECT_THAT(refusal("state=X"), HasSubstr("I, O"));
  EXPECT_THAT(refusal("state="), HasSubstr(R"({"state":)"));
}

TEST(ListQuery, RefusesAndNamesWhatItDoesNotKnow) {
  EXPECT_EQ(
      refusal("limit=3&colour=red"),
      R"({"colour":["Unknown parameter. This list takes limit, offset, ordering, search and the fields )"
      R"(name, round, state, locked, id."]})");
  EXPECT_THAT(refusal("updated=now"), HasSubstr(R"({"updated":)"));
  EXPECT_THAT(refusal("Limit=3"), HasSubstr(R"({"Limit":)"));
}

TEST(ListQuery, SearchesNothingWhereNoFieldIsSearchable) {
  const std::vector<ListField> numbers{{.rule = {.name = "round", .type = FieldType::integer}}};
  const auto refused = read_list_query(make_request("GET", "/?search=x"), numbers);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(
      std::get<std::string>(refused.error().body),
      R"({"search":["Unknown parameter. This list takes limit, offset, ordering and the fields round."]})");
}

TEST(ListQuery, DeclaresItsParameters) {
  std::vector<std::string> names;
  for (const auto& rule : list_parameters(fields())) names.emplace_back(rule.name);
  EXPECT_THAT(names,
              ElementsAre("limit", "offset", "ordering", "search", "name", "round", "state", "locked", "id"));
}

TEST(CaseFolding, MakesCapitalLettersSmallAndLeavesTheRest) {
  EXPECT_EQ(case_folded("AbZ[`{09"), "abz[`{09");
  EXPECT_EQ(case_folded("ÀÖØÞ×ß÷ÿ"), "àöøþ×ß÷ÿ");
  EXPECT_EQ(case_folded("ΑΡΣΫ ά"), "αρσϋ ά");
  EXPECT_EQ(case_folded("ЀЏАЯ я"), "ѐџая я");
  EXPECT_EQ(case_folded("Ł€😀漢"), "Ł€😀漢");
}

class Links : public ::testing::Test {
 protected:
  PageLinks links(const std::string& query, std::uint64_t count) {
    auto request = make_request("GET", "/api/things/?" + query, {{"Host", "fedlog.example.org:8000"}});
    request.scheme = scheme_;
    return page_links(request, *read(query).page, count);
  }
  std::string scheme_ = "http";
};

TEST_F(Links, LeadToThePagesBesideOne) {
  const std::string base = "http://fedlog.example.org:8000/api/things/";
  const auto first = links("limit=2", 5);
  EXPECT_EQ(first.previous, nullptr);
  EXPECT_EQ(first.next, base + "?limit=2&offset=2");
  const auto second = links("limit=2&offset=2", 5);
  EXPECT_EQ(second.previous, base + "?limit=2");
  EXPECT_EQ(second.next, base + "?limit=2&offset=4");
  const auto last = links("limit=2&offset=4", 5);
  EXPECT_EQ(last.previous, base + "?limit=2&offset=2");
  EXPECT_EQ(last.next, nullptr);
  EXPECT_EQ(links("limit=2&offset=3", 5).next, nullptr);
  EXPECT_EQ(links("limit=5&offset=3", 9).previous, base + "?limit=5");
  EXPECT_EQ(links("limit=1000000", 2000).next, base + "?limit=1000&offset=1000");
}

TEST_F(Links, KeepTheOtherParametersInOrderOfTheirNames) {
  scheme_ = "https";
  EXPECT_EQ(links("search=a%26b+%C3%BC&limit=2&ordering=-name&state=O", 5).next,
            "https://fedlog.example.org:8000/api/things/?limit=2&offset=2&ordering=-name&search=a%26b+%C3%BC&"
            "state=O");
}

TEST_F(Links, DoNotLeadBeyondTheEnd) {
  const auto beyond = links("limit=2&offset=18446744073709551615", 5);
  EXPECT_EQ(beyond.next, nullptr);
  EXPECT_THAT(beyond.previous.get<std::string>(), HasSubstr("offset=18446744073709551613"));
  EXPECT_EQ(links("limit=2", 0).next, nullptr);
}

TEST_F(Links, AreRelativeForARequestThatNamesNoHost) {
  const auto links = page_links(make_request("GET", "/api/things/?limit=1"), {.limit = 1, .offset = 0}, 2);
  EXPECT_EQ(links.next, "/api/things/?limit=1&offset=1");
}

}  // namespace
}  // namespace fedlog::http
