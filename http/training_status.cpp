#include "http/training_status.h"

namespace fedlog::http {

namespace {

Body number_or_null(const std::optional<std::int64_t>& number) {
  return number ? Body(*number) : Body(nullptr);
}

Body delivery_body(const domain::Delivery& delivery) {
  Body body;
  body["notification_type"] = domain::name_of(delivery.kind);
  body["round"] = number_or_null(delivery.round);
  body["outcome"] = domain::name_of(delivery.outcome);
  body["status"] = delivery.status;
  body["attempts"] = delivery.attempts;
  body["detail"] = delivery.detail;
  body["at"] = delivery.at.text();
  return body;
}

Body pending_body(const domain::PendingNotification& pending) {
  Body body;
  body["notification_type"] = domain::name_of(pending.notification.kind);
  body["round"] = number_or_null(pending.notification.round);
  body["since"] = pending.requested.text();
  body["progress"] = pending.progress;
  return body;
}

Body awaited_body(const domain::Awaited& awaited, const domain::TrainingStatus& status,
                  const domain::NameOf& name_of_user) {
  Body body;
  body["participant"] = awaited.participant.text();
  body["name"] = name_of_user(awaited.participant);
  body["says"] = domain::sentence_about(awaited, status, name_of_user);
  body["active"] = awaited.active;
  body["last_delivery"] = awaited.last_delivery ? delivery_body(*awaited.last_delivery) : Body(nullptr);
  body["on_its_way"] = awaited.requested ? pending_body(*awaited.requested) : Body(nullptr);
  return body;
}

}  // namespace

Body serialized(const domain::TrainingStatus& status, const domain::NameOf& name_of_user) {
  Body body;
  body["training_id"] = status.training.text();
  body["state"] = domain::name_of(status.state);
  body["phase"] = domain::name_of(status.phase);
  body["round"] = status.round;
  body["target_num_updates"] = status.target_num_updates;
  body["paused"] = status.paused;
  body["cancelled"] = status.cancelled;
  body["summary"] = domain::summary_of(status, name_of_user);
  body["advice"] = domain::advice_for(status);
  body["waits_for"] = domain::name_of(status.waits_for);
  body["awaited"] = Body::array();
  for (const auto& each : status.awaited) body["awaited"].push_back(awaited_body(each, status, name_of_user));
  body["participants"] = status.participants;
  body["arrived"] = status.arrived;
  body["needed"] = status.needed;
  body["since"] = status.since.text();
  body["deadline"] = status.deadline ? Body(status.deadline->text()) : Body(nullptr);
  body["at_deadline"] = status.at_deadline ? Body(domain::name_of(*status.at_deadline)) : Body(nullptr);
  body["deadlines_missed"] = status.deadlines_missed;
  body["reason"] = status.reason;
  return body;
}

std::string readable(const Body& status) {
  std::string text;
  const auto add_line = [&](std::string line) {
    for (char& c : line) {
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';  // a terminal would obey it
    }
    text += line + "\n";
  };
  add_line(status.at("summary").get<std::string>());
  for (const auto& awaited : status.at("awaited")) add_line("  " + awaited.at("says").get<std::string>());
  const auto advice = status.at("advice").get<std::string>();
  if (!advice.empty()) add_line(advice);
  return text;
}

}  // namespace fedlog::http
