#pragma once

#include "tests/http/api_test.h"

namespace fedlog::http::testing {

inline domain::BlobId blob_number(std::uint8_t number) {
  domain::BlobId id;
  id.digest[31] = number;
  return id;
}

inline constexpr auto model_path = "/api/models/00000000-0000-4000-8000-00000000000a/";
inline constexpr auto model_text = "00000000-0000-4000-8000-00000000000a";
inline constexpr auto nil_path = "/api/models/00000000-0000-4000-8000-000000000000/";
inline constexpr auto nil_not_found = R"({"detail":"Model 00000000-0000-4000-8000-000000000000 not found."})";
inline constexpr auto no_permission = R"({"detail":"You do not have permission to perform this action."})";

// User 1 owns model 10; user 2 is a stranger.
class Models : public ApiTest {
 protected:
  Models() {
    owner = add_user(1, "owner");
    add_user(2, "stranger");
    gateway.blobs[blob_number(1)] = "weights of the model";
    gateway.blobs[blob_number(2)] = "hello";
    world.model(facts());
  }

  [[nodiscard]] domain::ModelUploaded facts() const {
    return {.model = id_number<domain::ModelId>(10),
            .kind = domain::ModelKind::global,
            .owner = owner.id,
            .name = "first",
            .description = "a model",
            .input_shape = {},
            .weights = blob_number(1),
            .preprocessing = {},
            .members = {},
            .copied_from = {}};
  }

  // Answers an upload with `id`, and hands what came to `look`.
  void accept_upload(std::function<void(actors::ModelUpload&)> look) {
    EXPECT_CALL(gateway, upload_model(::testing::_, ::testing::_))
        .WillOnce([look](const actors::RequestContext&, actors::ModelUpload upload) {
          look(upload);
          return id_number<domain::ModelId>(11);
        });
  }

  domain::User owner;
  const std::vector<Part> parts{{"name", "first"}, {"description", "a model"}, {"model_file", "bytes", "m"}};
};

}  // namespace fedlog::http::testing
