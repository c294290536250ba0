#include "storage/envelope.h"

namespace fedlog::storage {

StreamName stream_of(domain::TrainingId id) {
  return "training/" + id.text();
}
StreamName stream_of(domain::ModelId id) {
  return "model/" + id.text();
}
StreamName stream_of(domain::UserId id) {
  return "user/" + id.text();
}
StreamName stream_of(domain::GroupId id) {
  return "group/" + std::to_string(id.number);
}

}  // namespace fedlog::storage
