#pragma once

#include <cstdint>
#include <optional>

#include "domain/fields.h"
#include "domain/model.h"

// The forms that events had in earlier revisions, and what they are today. What was stored in one of them is
// read for ever: a form is added here with each new revision, and never changed.
namespace fedlog::storage {

// `Earlier<Fact>::Form` is what revision `Earlier<Fact>::revision` looked like. Events that were never
// changed have none.
template <class Fact>
struct Earlier;

template <class Fact>
concept HasEarlier = requires { Earlier<Fact>::revision; };

template <>
struct Earlier<domain::ModelLeftTraining> {
  static constexpr int revision = 1;
  struct Form {
    std::int64_t round = 0;
    std::optional<domain::BlobId> weights;
    std::optional<domain::BlobId> preprocessing;
    static constexpr auto fields() {
      using domain::field;
      return std::tuple{field("round", &Form::round), field("weights", &Form::weights),
                        field("preprocessing", &Form::preprocessing)};
    }
  };
  static domain::ModelLeftTraining today(const Form& form) {
    return {.round = form.round,
            .weights = form.weights,
            .preprocessing = form.preprocessing,
            .swag_first_moment = {},
            .swag_second_moment = {}};
  }
};

}  // namespace fedlog::storage
