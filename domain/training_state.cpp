#include "domain/training_state.h"

namespace fedlog::domain {

//             start               updates aggregated (SWAG)
//  INITIAL ---------> ONGOING ---------------------------------> SWAG_ROUND
//     |               ^  |  |  <---------------------------------   |  ^
//     |               |  |  |           moments averaged            |  |
//     |               |  |  |  last test ended                      |  |
//     |               |  |  +------------------> COMPLETED          |  |
//     |        resume |  | nobody left, aggregation failed,         |  | resume
//     |               |  v no quorum, cancel, ...                   v  |
//     +-------------> ERROR <---------------------------------------+--+
//        cancel       (cancelled: for good)
bool is_legal(TrainingState from, TrainingState to) {
  if (from == to) return true;
  switch (from) {
    case TrainingState::initial:
      return to == TrainingState::ongoing || to == TrainingState::error;
    case TrainingState::ongoing:
      return to == TrainingState::swag_round || to == TrainingState::completed || to == TrainingState::error;
    case TrainingState::swag_round:
      return to == TrainingState::ongoing || to == TrainingState::error;
    case TrainingState::error:
      return to == TrainingState::ongoing || to == TrainingState::swag_round;
    case TrainingState::completed:
      return false;
  }
  return false;
}

}  // namespace fedlog::domain
