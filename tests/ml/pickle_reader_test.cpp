#include "ml/pickle_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ml/pickle_globals.h"
#include "tests/ml/archive_writer.h"

namespace fedlog::ml {
namespace {

using testing::HasSubstr;

std::expected<PickleTree, FileError> read(const std::string& text, const FileLimits& limits = {}) {
  const auto bytes = std::as_bytes(std::span(text));
  return read_pickle({bytes.begin(), bytes.end()}, limits);
}

std::string refusal(const std::string& operations, const FileLimits& limits = {}) {
  const auto tree = read(complete_pickle(operations), limits);
  return tree ? "" : tree.error().message;
}

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += text;
  }
  return out;
}

TEST(PickleReader, BuildsPlainValues) {
  const auto tree = read(complete_pickle("}" + pickled_items({{"number", pickled(-5)},
                                                              {"half", "G\x3f\xe0" + std::string(6, '\0')},
                                                              {"yes", "\x88"},
                                                              {"nothing", "N"},
                                                              {"list",
                                                               "](K\x01K\x02"
                                                               "e"},
                                                              {"byte", std::string("\x8a\x01\xff")}})))
                        .value();
  const PickleRef root = tree.root();
  EXPECT_EQ(tree.integer(tree.find(root, "number")), -5);
  EXPECT_EQ(tree.integer(tree.find(root, "byte")), -1);
  EXPECT_EQ(tree[tree.find(root, "half")].real, 0.5);
  EXPECT_EQ(tree[tree.find(root, "yes")].kind, PickleKind::boolean);
  EXPECT_EQ(tree[tree.find(root, "nothing")].kind, PickleKind::none);
  EXPECT_EQ(tree.children(tree.find(root, "list")).size(), 2U);
  EXPECT_EQ(tree.find(root, "absent"), no_value);
}

TEST(PickleReader, DescribesObjectsWithoutMakingThem) {
  const auto tree = read(complete_pickle(pickled_global("mymodels", "Net") + ")\x81}" +
                                         pickled_items({{"size", pickled(3)}}) + "b"))
                        .value();
  EXPECT_EQ(tree[tree.root()].kind, PickleKind::object);
  EXPECT_EQ(tree.callee(tree.root()), "mymodels.Net");
  EXPECT_EQ(tree.integer(tree.attribute(tree.root(), "size")), 3);
}

TEST(PickleReader, ReadsProtocolFour) {
  std::string body = "\x8c\x08mymodels\x94\x8c\x03Net\x94\x93\x94)\x81\x94.";
  std::string text = "\x80\x04\x95";
  const std::uint64_t length = body.size();
  text.append(reinterpret_cast<const char*>(&length), 8);
  const auto tree = read(text + body);
  ASSERT_TRUE(tree.has_value()) << tree.error().message;
  EXPECT_EQ(tree->callee(tree->root()), "mymodels.Net");
}

TEST(PickleReader, ReadsSetsAndTheEnumsOfTorchScript) {
  const auto set =
      read(complete_pickle(pickled_global("__builtin__", "set") + "](" + pickled("a") + "e\x85R")).value();
  EXPECT_EQ(set[set.root()].kind, PickleKind::set);
  EXPECT_EQ(set[set.children(set.root())[0]].text, "a");
  const auto member =
      read(complete_pickle(pickled_global("__torch__.modes", "Mode") + pickled("bilinear") + "R")).value();
  EXPECT_EQ(member.callee(member.root()), "__torch__.modes.Mode");
}

TEST(PickleReader, RefusesWhatCouldActElsewhere) {
  const std::string argument = pickled("PWNED") + "\x85R";
  EXPECT_THAT(refusal(pickled_global("__builtin__", "open") + argument), HasSubstr("__builtin__.open"));
  EXPECT_THAT(refusal(pickled_global("os", "system") + argument + "0N"), HasSubstr("os.system"));
  EXPECT_THAT(refusal(pickled_global("_io", "FileIO") + ")\x81"), HasSubstr("_io.FileIO"));
  EXPECT_THAT(refusal(pickled_global("torch", "os.system") + argument), HasSubstr("torch.os.system"));
  EXPECT_THAT(refusal(pickled_global("torch.hub", "load") + argument), HasSubstr("calls torch.hub.load"));
  EXPECT_THAT(refusal(pickled_global("mymodels", "run") + argument), HasSubstr("calls mymodels.run"));
  EXPECT_THAT(refusal("(" + pickled("PWNED") + "ios\nsystem\n"), HasSubstr("opcode 105"));
  EXPECT_THAT(refusal("(" + pickled_global("os", "system") + "o"), HasSubstr("os.system"));
  EXPECT_THAT(refusal("\x82\x01"), HasSubstr("opcode 130"));
  EXPECT_THAT(refusal("I5\n"), HasSubstr("opcode 73"));
}

const std::string run = pickled_global("torch.utils.collect_env", "run");
// An object that runs code when something iterates it.
const std::string loader = pickled_global("torch.utils.data.dataloader", "DataLoader") + ")\x81}" +
                           pickled_items({{"collate_fn", run}}) + "b";

const HandMadeTensor scalar{.shape = {1}, .strides = {1}, .storage_elements = 1};

TEST(PickleReader, RefusesCallsWithArgumentsThatWouldActElsewhere) {
  const auto called = [](std::string_view module, std::string_view name, const std::string& arguments) {
    return refusal(pickled_global(module, name) + "(" + arguments + "tR0N");
  };
  const std::string rebuild = pickled_global("torch._utils", "_rebuild_tensor_v2");
  const std::string tensor_class = pickled_global("torch", "Tensor");
  EXPECT_EQ(refusal(pickled_typed_tensor(scalar, rebuild, tensor_class,
                                         "}" + pickled_items({{"_is_buffer", "\x88"}}))),
            "");
  EXPECT_THAT(called("torch._tensor", "_rebuild_from_type_v2",
                     run + pickled_global("__builtin__", "tuple") + pickled("PWNED") + "\x85}"),
              HasSubstr("calls torch._tensor._rebuild_from_type_v2 with arguments"));
  EXPECT_THAT(refusal(pickled_typed_tensor(scalar, run, tensor_class, "}")), HasSubstr("with arguments"));
  EXPECT_THAT(refusal(pickled_typed_tensor(scalar, rebuild, pickled_global("torch.nn", "Evil"), "}")),
              HasSubstr("with arguments"));
  EXPECT_THAT(
      refusal(pickled_typed_tensor(scalar, rebuild, tensor_class, "}" + pickled_items({{"data", loader}}))),
      HasSubstr("with arguments"));
  EXPECT_THAT(called("torch._utils", "_rebuild_parameter_with_state",
                     pickled_tensor(scalar) + "\x88}}" + pickled_items({{"data", pickled_tensor(scalar)}})),
              HasSubstr("with arguments"));
  for (const char* name : {"set", "frozenset", "bytes", "bytearray", "range", "complex", "slice"}) {
    EXPECT_THAT(called("builtins", name, loader), HasSubstr("with arguments")) << name;
    EXPECT_THAT(called("__builtin__", name, run), HasSubstr("with arguments")) << name;
  }
  for (const char* name : {"Counter", "OrderedDict", "deque", "defaultdict"}) {
    EXPECT_THAT(called("collections", name, loader), HasSubstr("with arguments")) << name;
    EXPECT_THAT(called("collections", name, "](" + run + "e"), HasSubstr("with arguments")) << name;
  }
  EXPECT_THAT(called("builtins", "bytes", pickled(1 << 30)), HasSubstr("with arguments"));
  EXPECT_THAT(called("torch", "Size", loader), HasSubstr("with arguments"));
  EXPECT_THAT(called("torch._utils", "_rebuild_parameter", loader + "\x88}"), HasSubstr("with arguments"));
  EXPECT_THAT(called("builtins", "set", "](" + loader + "e"), HasSubstr("an object into a set"));
  // The list is no harm while the tuple is made, and harm later.
  EXPECT_THAT(refusal(pickled_global("torch", "Size") + "]q\x01\x85Rh\x01" + loader + "a0"),
              HasSubstr("with arguments"));
  for (const char* name : {"frozenset", "tuple", "str"}) {
    const auto type = name == std::string_view("frozenset") ? "builtins" : "__builtin__";
    EXPECT_THAT(refusal(pickled_global(type, name) + loader + "\x85\x81"), HasSubstr("makes an object of"));
  }
  EXPECT_THAT(
      refusal(pickled_global("collections", "OrderedDict") + ")R}" +
              pickled_items({{"items", pickled_global("functools", "partial") + run + "\x85R"}}) + "b"),
      HasSubstr("more than plain data"));
}

TEST(PickleReader, LeavesTheCallsOfHonestModules) {
  const auto called = [](std::string_view module, std::string_view name, const std::string& arguments) {
    return refusal(pickled_global(module, name) + "(" + arguments + "tR");
  };
  const std::string partial = pickled_global("functools", "partial") +
                              pickled_global("torch.nn.modules.normalization", "LayerNorm") + "\x85R";
  EXPECT_EQ(refusal(partial + "(" + pickled_global("torch.nn.modules.normalization", "LayerNorm") + ")}" +
                    pickled_items({{"eps", "G\x3f\xe0" + std::string(6, '\0')}}) + "Ntb"),
            "");
  EXPECT_EQ(called("collections", "defaultdict", pickled_global("__builtin__", "list")), "");
  EXPECT_EQ(
      refusal(pickled_global("collections", "deque") + ")" + pickled(3) + "\x86R(" + pickled("a") + "e"), "");
  EXPECT_EQ(called("collections", "Counter", "}" + pickled_items({{"cat", pickled(2)}})), "");
  EXPECT_EQ(called("torch", "Size", "(" + pickled(1) + pickled(2) + "t"), "");
  EXPECT_EQ(called("_codecs", "encode", pickled("abc") + pickled("latin1")), "");
  EXPECT_EQ(called("__builtin__", "bytearray",
                   pickled_global("_codecs", "encode") + pickled("abc") + pickled("latin1") + "\x86R"),
            "");
  EXPECT_EQ(called("builtins", "set", "](" + pickled_global("torch", "float32") + "e"), "");
  EXPECT_EQ(refusal(pickled_global("collections", "OrderedDict") + ")R}" +
                    pickled_items({{"_metadata", "}"}}) + "b"),
            "");
}

TEST(PickleReader, RefusesToChangeWhatACallMade) {
  const std::string tensor = pickled_tensor(scalar);
  EXPECT_THAT(refusal(tensor + "}b"), HasSubstr("changes the result of torch._utils._rebuild_tensor_v2"));
  EXPECT_THAT(refusal(tensor + pickled(0) + pickled(5) + "s"), HasSubstr("changes the result of"));
  EXPECT_THAT(refusal(tensor + "(Ne"), HasSubstr("changes the result of"));
  EXPECT_THAT(refusal(pickled_global("torch._utils", "_rebuild_parameter") + "(" + tensor + "\x88}tR}b"),
              HasSubstr("changes the result of torch._utils._rebuild_parameter"));
}

TEST(PickleReader, RefusesWhatIsNotSound) {
  EXPECT_THAT(refusal("R"), HasSubstr("underflows"));
  EXPECT_THAT(refusal("N(\x85"), HasSubstr("underflows")) << "the value lies below the mark";
  EXPECT_THAT(refusal("t"), HasSubstr("mark is missing"));
  EXPECT_THAT(refusal("((N"), HasSubstr("open marks"));
  EXPECT_THAT(refusal("NN"), HasSubstr("instead of one value"));
  EXPECT_THAT(refusal("}(" + pickled("a") + "u"), HasSubstr("no value"));
  EXPECT_THAT(refusal("}" + pickled_items({{"a", "N"}, {"a", "N"}})), HasSubstr("\"a\" twice"));
  EXPECT_THAT(refusal("N(NNu"), HasSubstr("no dict"));
  EXPECT_THAT(refusal("NNa"), HasSubstr("no list"));
  EXPECT_THAT(refusal("h\x05"), HasSubstr("memo slot 5 is empty"));
  EXPECT_THAT(refusal("X\xff\xff\xff\xff"
                      "ab"),
              HasSubstr("past the end"));
  EXPECT_THAT(refusal(std::string("\x8e\0\0\0\0\0\0\0\x80"
                                  "ab",
                                  11)),
              HasSubstr("past the end"));
  EXPECT_THAT(refusal("\x8b\xfb\xff\xff\xff"), HasSubstr("negative length"));
  EXPECT_THAT(refusal(std::string("X\x02\0\0\0\xff\xfe", 7)), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal("N.N"), HasSubstr("after STOP"));
  EXPECT_THAT(read("\x80\x02N").error().message, HasSubstr("without STOP"));
  EXPECT_THAT(read("\x80\x09N.").error().message, HasSubstr("protocol 9"));
  EXPECT_THAT(read("(dp0\n.").error().message, HasSubstr("protocol number"));
  EXPECT_THAT(read("").error().message, HasSubstr("past the end"));
  EXPECT_THAT(refusal("NN\x93"), HasSubstr("not a string"));
  EXPECT_THAT(refusal(pickled_global("mymodels", "Net") + ")\x81}b}b"), HasSubstr("twice"));
}

TEST(PickleReader, RefusesCyclesAndDepth) {
  EXPECT_THAT(refusal("]q\x01h\x01"
                      "a"),
              HasSubstr("contains itself"));
  EXPECT_THAT(refusal(pickled_global("m", "Net") + ")\x81q\x01}" + pickled_items({{"owner", "h\x01"}}) + "b"),
              HasSubstr("contains itself"));
  EXPECT_EQ(refusal(")" + repeated("\x85", 400)), "");
  EXPECT_THAT(refusal(")" + repeated("\x85", 200'000)), HasSubstr("nested deeper"));
  EXPECT_THAT(refusal(repeated("]", 100'000) + repeated("a", 99'999)), HasSubstr("nested deeper"));
}

TEST(PickleReader, WalksSharedValuesOnce) {
  // 60 lists, each of which holds the one before twice: 2^60 paths.
  std::string laughs = "]q";
  laughs += '\0';
  for (char i = 0; i < 60; ++i) {
    laughs += "0](h";
    laughs += i;
    laughs += "h";
    laughs += i;
    laughs += "eq";
    laughs += static_cast<char>(i + 1);
  }
  EXPECT_EQ(refusal(laughs), "");
}

TEST(PickleReader, LooksAtTheKeysOfADictOnly) {
  // Takes minutes if each dict costs as much as the largest one.
  std::string keys = "}(";
  for (int i = 0; i < 200'000; ++i) {
    keys += pickled(std::to_string(i)) + "N";
  }
  EXPECT_EQ(refusal(keys + "u0" + repeated("}0", 1'000'000) + "N"), "");
  // Or if a key is read again in each dict that has it.
  EXPECT_EQ(
      refusal(pickled(std::string(4'000'000, 'k')) + "q\x01" + "0" + repeated("}h\x01Ns0", 300'000) + "N"),
      "");
}

TEST(PickleReader, KeepsItsLimits) {
  EXPECT_THAT(refusal(repeated("N0", 60) + "N", {.pickle_operations = 100}),
              HasSubstr("more than 100 operations"));
  EXPECT_THAT(refusal("Nr\xff\xff\xff\x7f"), HasSubstr("memo slot 2147483647"));
  EXPECT_THAT(refusal("N", {.pickle_size_bytes = 3}), HasSubstr("at most 3"));
}

TEST(PickleGlobals, TellModelsFromMachinery) {
  EXPECT_EQ(global_use("torch._utils", "_rebuild_tensor_v2"), GlobalUse::callable);
  EXPECT_EQ(global_use("collections", "OrderedDict"), GlobalUse::callable);
  EXPECT_EQ(global_use("__torch__.net", "Net"), GlobalUse::name_only);
  EXPECT_EQ(global_use("__main__", "Net"), GlobalUse::name_only);
  EXPECT_EQ(global_use("torch.nn.functional", "relu"), GlobalUse::name_only);
  for (const char* module :
       {"os", "posix", "subprocess", "builtins", "_io", "_posixsubprocess", "pip._internal"}) {
    EXPECT_EQ(global_use(module, "anything"), GlobalUse::forbidden) << module;
  }
}

}  // namespace
}  // namespace fedlog::ml
