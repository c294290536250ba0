#include "domain/training_state.h"

namespace fedlog::domain {

//            start               all updates aggregated (SWAG)
//  INITIAL --------> ONGOING ---------------------------------> SWAG_ROUND
//                    |  |  <---------------------------------   |
//                    |  |          all moments averaged         |
//                    |  | last test reported                    |
//                    |  +----------------------> COMPLETED      |
//                    | nobody left, aggregation failed, ...     |
//                    +-------------------------> ERROR <--------+
bool is_legal(TrainingState from, TrainingState to) {
  if (from == to) return true;
  switch (from) {
    case TrainingState::initial:
      return to == TrainingState::ongoing;
    case TrainingState::ongoing:
      return to == TrainingState::swag_round || to == TrainingState::completed || to == TrainingState::error;
    case TrainingState::swag_round:
      return to == TrainingState::ongoing || to == TrainingState::error;
    case TrainingState::completed:
    case TrainingState::error:
      return false;
  }
  return false;
}

}  // namespace fedlog::domain
