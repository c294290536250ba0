#include "ml/described_classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/ml/archive_writer.h"
#include "tests/temporary_folder.h"

namespace fedlog::ml {
namespace {

using testing::HasSubstr;

// Empty if every object of the pickle is of a class with a rule.
std::string refusal(const std::string& operations) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "pipeline.pt";
  std::ofstream(path, std::ios::binary) << torch_file(complete_pickle(operations), {});
  const auto checked = check_described_classes(path);
  return checked ? "" : checked.error();
}

const std::string compose = pickled_global("torchvision.transforms.transforms", "Compose");
const std::string to_tensor = pickled_global("torchvision.transforms.transforms", "ToTensor") + ")\x81";

std::string with_transforms(const std::string& list) {
  return compose + ")\x81}" + pickled_items({{"transforms", list}}) + "b";
}

TEST(DescribedClasses, NameTheFirstClassWithoutARule) {
  const std::string unknown = pickled_global("mymodels", "Blur") + ")\x81";
  EXPECT_EQ(refusal(with_transforms("](" + to_tensor + "e")), "");
  EXPECT_THAT(refusal(with_transforms("](" + to_tensor + unknown + "e")), HasSubstr("class mymodels.Blur"));
  EXPECT_THAT(refusal(with_transforms("](" + with_transforms("](" + unknown + "e") + "e")),
              HasSubstr("class mymodels.Blur"));
  EXPECT_THAT(refusal(with_transforms("](Ne")), HasSubstr("a value that is no layer"));
}

TEST(DescribedClasses, AreFoundInSharedListsAndAttributesOnce) {
  // Takes minutes if the list is walked for each object that has it.
  constexpr int many = 50'000;
  std::string list = "0](";
  std::string with_the_list;
  std::string with_the_attributes;
  for (int i = 0; i < many; ++i) {
    list += "h\x01";
    with_the_list += "h\x04)\x81}h\x05h\x02sb";
    with_the_attributes +=
        "h\x04)\x81h\x03"
        "b";
  }
  const std::string shared = to_tensor + "q\x01" + list + "eq\x02" + "0" + pickled("transforms") + "q\x05" +
                             "0}h\x05h\x02sq\x03" + "0" + compose + "q\x04" + "0";
  EXPECT_EQ(refusal(shared + with_transforms("](" + with_the_list + "e")), "");
  EXPECT_EQ(refusal(shared + with_transforms("](" + with_the_attributes + "e")), "");
}

}  // namespace
}  // namespace fedlog::ml
