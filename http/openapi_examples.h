#pragma once

// Ids and times that stand for the same things in all examples of the API description.
namespace fedlog::http::example {

inline constexpr auto user_id = "3fa1b5d0-2c54-4b0e-8f2c-9d1f7f0a6c01";
inline constexpr auto model_id = "7c1f8a52-95a4-4a6e-9d4d-1f0c2f6a7b11";
inline constexpr auto local_model_id = "5b0d6c1e-77f7-4b57-a9c3-2f1d2c3b4a22";
inline constexpr auto training_id = "c2d7a0b4-1f5e-4f63-8f0a-6d9c3b2a1e33";

}  // namespace fedlog::http::example
