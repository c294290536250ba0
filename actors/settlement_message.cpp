#include "actors/settlement_message.h"

namespace fedlog::actors {
namespace {

bool is_about_the_journal(const domain::Rejection& rejection) {
  return rejection.reason == domain::Reason::busy || rejection.reason == domain::Reason::storage_full;
}

}  // namespace

TrainingMessage settlement_message(Notifier::Settlement settlement, std::function<void()> recorded) {
  return {.command = domain::RecordDelivery{.id = settlement.row.id,
                                            .notification = settlement.row.notification,
                                            .outcome = settlement.outcome,
                                            .status = settlement.status,
                                            .attempts = settlement.attempts,
                                            .detail = std::move(settlement.detail)},
          .acting_user = {},
          .correlation = {},
          .idempotency_key = {},
          .reply = Reply{[recorded = std::move(recorded)](const auto& answer) {
            if (answer || !is_about_the_journal(answer.error())) recorded();
          }}};
}

}  // namespace fedlog::actors
