#include "ml/execution/layer_rules.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ml/described_classes.h"

namespace fedlog::ml {
namespace {

TEST(LayerRules, AreThoseOfTheDescribedClasses) {
  std::vector<std::string_view> names{"torch.nn.modules.container.Sequential",
                                      "torchvision.transforms.transforms.Compose",
                                      "torchvision.transforms.v2._container.Compose"};
  for (const auto& rule : layer_rules()) names.push_back(rule.class_name);
  std::ranges::sort(names);
  const auto described = described_classes();
  EXPECT_EQ(names, std::vector<std::string_view>(described.begin(), described.end()));
}

}  // namespace
}  // namespace fedlog::ml
