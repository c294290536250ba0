#pragma once

#include <vector>

#include "actors/gateway.h"
#include "http/field_rule.h"
#include "http/handling.h"
#include "http/list_query.h"
#include "http/message.h"

// The API's lists: what each can be asked by stands in one table, from which come its answers and its query
// parameters for the API description.
namespace fedlog::http {

[[nodiscard]] Response list_response(const Services& services, const Call& call,
                                     const storage::List<domain::User>& users);
[[nodiscard]] Response list_response(const Services& services, const Call& call,
                                     const storage::List<domain::Group>& groups);
[[nodiscard]] Response list_response(const Services& services, const Call& call,
                                     const storage::List<domain::Model>& models);
[[nodiscard]] Response list_response(const Services& services, const Call& call,
                                     const storage::List<storage::MetricRow>& metrics);
[[nodiscard]] Response list_response(const Services& services, const Call& call,
                                     const storage::List<domain::Training>& trainings);

[[nodiscard]] std::vector<FieldRule> user_list_parameters();
[[nodiscard]] std::vector<FieldRule> group_list_parameters();
[[nodiscard]] std::vector<FieldRule> model_list_parameters();
[[nodiscard]] std::vector<FieldRule> metric_list_parameters();
[[nodiscard]] std::vector<FieldRule> training_list_parameters();

}  // namespace fedlog::http
