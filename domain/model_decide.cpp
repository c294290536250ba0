#include "domain/model_commands.h"

namespace fedlog::domain {
namespace {

using Decision = std::expected<std::vector<ModelEvent>, Rejection>;

std::unexpected<Rejection> denied(std::string message) {
  return std::unexpected(Rejection{Reason::permission_denied, std::move(message)});
}

struct Decide {
  const Model& model;

  Decision operator()(const DeleteModel& c) const {
    if (!may_delete(c.by, model, nullptr)) {
      return denied("You are neither the owner of the model nor the actor of the corresponding training.");
    }
    return std::vector<ModelEvent>{ModelDeleted{}};
  }
  Decision operator()(const SetPreprocessing& c) const {
    if (!may_replace_preprocessing(c.by, model)) {
      return denied("You are not the owner of model " + model.id.text() + "!");
    }
    return std::vector<ModelEvent>{PreprocessingReplaced{c.preprocessing}};
  }
  Decision operator()(const ReportModelMetrics& c) const {
    if (!may_report_metrics(c.by, model, nullptr, c.access)) {
      return denied("You do not have permission to perform this action.");
    }
    return std::vector<ModelEvent>{
        MetricsReported{.reporter = c.by.id, .model = model.id, .step = model.round, .metrics = c.metrics}};
  }
};

}  // namespace

Decision decide(const Model& model, const ModelCommand& command) {
  return std::visit(Decide{model}, command);
}

std::expected<void, Rejection> check_members(const Caller& by, const std::vector<MeanMember>& members) {
  for (const auto& member : members) {
    if (!member.exists) {
      return std::unexpected(Rejection{Reason::invalid_members, "Invalid model UUIDs found."});
    }
  }
  for (const auto& member : members) {
    if (!may_use(by, member.owner)) {
      return std::unexpected(
          Rejection{Reason::invalid_members, "Invalid model selection. Insufficient model permissions."});
    }
  }
  const auto invalid = [](std::string why) {
    return std::unexpected(Rejection{Reason::invalid_members, "Invalid model selection. " + std::move(why)});
  };
  for (const auto& member : members) {
    if (member.kind == ModelKind::mean) {
      return invalid("Model " + member.id.text() +
                     " is a mean model itself, without weights of its own; name its members instead.");
    }
    if (member.kind == ModelKind::local) {
      return invalid("Model " + member.id.text() +
                     " is a participant's update, which is deleted when its round ends.");
    }
  }
  if (members.size() > mean_members_max) {
    return invalid("A mean model has at most " + std::to_string(mean_members_max) + " members.");
  }
  return {};
}

}  // namespace fedlog::domain
