#include "ml/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/ml/archive_writer.h"
#include "tests/temporary_folder.h"

namespace fedlog::ml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Bytes bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string refusal(const std::string& file, const FileLimits& limits = {}) {
  const auto model = ModelFile::from_bytes(bytes_of(file), limits);
  return model ? "" : model.error().message;
}

std::vector<std::string> names_in(const std::string& file) {
  const auto model = ModelFile::from_bytes(bytes_of(file));
  EXPECT_TRUE(model.has_value()) << model.error().message;
  std::vector<std::string> names;
  for (std::size_t i = 0; model && i < model->tensors().size(); ++i) {
    names.push_back(model->tensors()[i].name);
  }
  return names;
}

std::vector<float> floats(const Tensor& tensor) {
  std::vector<float> out(tensor.bytes.size() / sizeof(float));
  std::ranges::copy(tensor.bytes, std::as_writable_bytes(std::span(out)).begin());
  return out;
}

const std::vector<HandMadeStorage> four_floats{{.key = "0", .content = raw<float>({1, 2, 3, 4})}};

// A file with the one tensor "w" over four floats.
std::string with_tensor(HandMadeTensor tensor, const std::vector<HandMadeStorage>& storages = four_floats) {
  return torch_file(complete_pickle("}" + pickled_items({{"w", pickled_tensor(tensor)}})), storages);
}

HandMadeTensor four(std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                    std::int64_t offset = 0) {
  return {.shape = std::move(shape), .strides = std::move(strides), .storage_elements = 4, .offset = offset};
}

TEST(ModelFile, ReadsAStateDict) {
  const std::string file = state_dict_file({{"1.weight", {1, 2, 3}}, {"1.bias", {4}}});
  const auto model = ModelFile::from_bytes(bytes_of(file)).value();
  EXPECT_EQ(model.kind(), FileKind::state_dict);
  EXPECT_THAT(names_in(file), ElementsAre("1.weight", "1.bias"));
  EXPECT_THAT(floats(model.read(*model.find("1.weight"))), ElementsAre(1, 2, 3));
  EXPECT_EQ(model.find("2.weight"), nullptr);
}

TEST(ModelFile, ReadsViewsByTheirStrides) {
  const auto read = [](const HandMadeTensor& tensor) {
    const std::string file = with_tensor(tensor);
    const auto model = ModelFile::from_bytes(bytes_of(file)).value();
    return floats(model.read(model.tensors().front()));
  };
  EXPECT_THAT(read(four({2, 2}, {1, 2})), ElementsAre(1, 3, 2, 4));
  EXPECT_THAT(read(four({2}, {2}, 1)), ElementsAre(2, 4));
  EXPECT_THAT(read(four({3}, {0}, 3)), ElementsAre(4, 4, 4));
  EXPECT_THAT(read(four({}, {}, 2)), ElementsAre(3));
  EXPECT_THAT(read(four({0, 5}, {5, 1}, 4)), ElementsAre());
}

TEST(ModelFile, RefusesTensorsOutsideTheirStorage) {
  const std::int64_t huge = std::int64_t{1} << 62;
  for (const HandMadeTensor& tensor :
       {four({5}, {1}), four({4}, {1}, 1), four({4}, {1}, -1), four({4}, {1}, huge), four({2, 2}, {3, 1}),
        four({4}, {-1}, 3), four({2, 2}, {std::numeric_limits<std::int64_t>::max(), 1}), four({-4}, {1}),
        four({std::int64_t{1} << 32, std::int64_t{1} << 32}, {0, 0}), four({0}, {1}, 9),
        four({huge, huge, 0}, {0, 0, 0})}) {
    EXPECT_THAT(refusal(with_tensor(tensor)), HasSubstr("outside its storage"));
  }
  EXPECT_THAT(refusal(with_tensor(four({2, 2}, {1}))), HasSubstr("2 sizes but 1 strides"));
  EXPECT_THAT(refusal(with_tensor(four(std::vector<std::int64_t>(65, 1), std::vector<std::int64_t>(65, 1)))),
              HasSubstr("65 dimensions"));
  EXPECT_THAT(refusal(with_tensor(four({std::int64_t{1} << 40}, {0}))),
              HasSubstr("far larger than the file"));
}

TEST(ModelFile, RefusesStoragesThatDoNotMatchTheirRecords) {
  HandMadeTensor tensor = four({4}, {1});
  EXPECT_THAT(refusal(with_tensor(tensor, {{.key = "0", .content = "123"}})),
              HasSubstr("3 bytes where 4 elements"));
  EXPECT_THAT(refusal(with_tensor(tensor, {{.key = "1", .content = raw<float>({1, 2, 3, 4})}})),
              HasSubstr("no record for the storage \"0\""));
  EXPECT_THAT(refusal(with_tensor(tensor, {four_floats[0], {.key = "1", .content = "hidden"}})),
              HasSubstr("used by no tensor"));
  tensor.storage_type = "ComplexFloatStorage";
  EXPECT_THAT(refusal(with_tensor(tensor)), HasSubstr("torch.ComplexFloatStorage"));
  tensor = four({4}, {1});
  tensor.key = "../version";
  EXPECT_THAT(refusal(with_tensor(tensor)), HasSubstr("not a plain name"));
  tensor = four({4}, {1});
  tensor.storage_elements = (std::int64_t{1} << 62) + 4;  // times four wraps to 16
  EXPECT_THAT(refusal(with_tensor(tensor)), HasSubstr("16 bytes where"));
  tensor.storage_elements = -4;
  EXPECT_THAT(refusal(with_tensor(tensor)), HasSubstr("negative"));
  const std::string both =
      complete_pickle("}" + pickled_items({{"a", pickled_tensor(four({4}, {1}))},
                                           {"b", pickled_tensor({.shape = {2},
                                                                 .strides = {1},
                                                                 .storage_type = "LongStorage",
                                                                 .storage_elements = 2})}}));
  EXPECT_THAT(refusal(torch_file(both, four_floats)), HasSubstr("two types or sizes"));
}

TEST(ModelFile, RefusesNamesThatWouldForgeLogs) {
  EXPECT_THAT(refusal(state_dict_file({{"a\n\x1b[31mb", {1}}})),
              HasSubstr("\"a??[31mb\" has control characters"));
  EXPECT_THAT(refusal(state_dict_file({{std::string(600, 'w'), {1}}})), HasSubstr("longer than 512"));
  EXPECT_THAT(refusal(state_dict_file({{"a", {1}}, {"b", {1}}}), {.tensors = 1}),
              HasSubstr("more than 1 tensors"));
}

// The state of an eager module, as torch/nn/modules/module.py leaves it.
std::string pickled_module(const std::string& class_name, const std::string& parameters,
                           const std::string& buffers, const std::string& modules,
                           const std::string& not_persistent = "") {
  return pickled_global("mymodels", class_name) + ")\x81}" +
         pickled_items({{"_parameters", "}" + parameters},
                        {"_buffers", "}" + buffers},
                        {"_non_persistent_buffers_set",
                         pickled_global("__builtin__", "set") + "](" + not_persistent + "e\x85R"},
                        {"_modules", "}" + modules}}) +
         "b";
}

std::string pickled_parameter(const HandMadeTensor& tensor) {
  return pickled_global("torch._utils", "_rebuild_parameter") + pickled_tensor(tensor) + "\x88" +
         pickled_global("collections", "OrderedDict") + ")R\x87R";
}

TEST(ModelFile, NamesTheTensorsOfAnEagerModuleAsItsStateDictDoes) {
  const auto tensor = four({4}, {1});
  const std::string leaf =
      pickled_module("Leaf", pickled_items({{"weight", pickled_parameter(tensor)}, {"bias", "N"}}),
                     pickled_items({{"mean", pickled_tensor(tensor)}, {"scratch", pickled_tensor(tensor)}}),
                     "", pickled("scratch"));
  const std::string root =
      pickled_module("Net", pickled_items({{"scale", pickled_parameter(tensor)}}), "",
                     pickled_items({{"first", leaf + "q\x01"}, {"none", "N"}, {"again", "h\x01"}}));
  const std::string file = torch_file(complete_pickle(root), four_floats);
  EXPECT_THAT(names_in(file),
              ElementsAre("scale", "first.weight", "first.mean", "again.weight", "again.mean"));
  const auto model = ModelFile::from_bytes(bytes_of(file)).value();
  EXPECT_EQ(model.kind(), FileKind::eager_module);
  EXPECT_EQ(model.root_class(), "mymodels.Net");
  EXPECT_TRUE(model.find("scale")->is_parameter);
  EXPECT_TRUE(model.find("scale")->requires_grad);
  EXPECT_FALSE(model.find("first.mean")->is_parameter);
}

// pickled_tensor with another argument after the hooks.
std::string with_metadata(const HandMadeTensor& tensor, const std::string& metadata) {
  std::string text = pickled_tensor(tensor);
  return text.substr(0, text.size() - 2) + metadata + "tR";
}

TEST(ModelFile, ReadsTheBuffersOfNewerModules) {
  const std::string buffer = pickled_typed_tensor(
      four({4}, {1}), pickled_global("torch._utils", "_rebuild_tensor_v2"), pickled_global("torch", "Tensor"),
      "}" + pickled_items({{"persistent", "\x88"}, {"_is_buffer", "\x88"}}));
  const std::string file = torch_file(
      complete_pickle(pickled_module("Net", "", pickled_items({{"mean", buffer}}), "")), four_floats);
  EXPECT_THAT(names_in(file), ElementsAre("mean"));
  const auto model = ModelFile::from_bytes(bytes_of(file)).value();
  EXPECT_THAT(floats(model.read(*model.find("mean"))), ElementsAre(1, 2, 3, 4));
}

TEST(ModelFile, RefusesTensorsWhoseNumbersAreNotThoseOfTheirStorage) {
  const auto state_dict = [](const std::string& tensor) {
    return refusal(torch_file(complete_pickle("}" + pickled_items({{"w", tensor}})), four_floats));
  };
  const auto tensor = four({4}, {1});
  EXPECT_EQ(state_dict(with_metadata(tensor, "}")), "");
  EXPECT_THAT(state_dict(with_metadata(tensor, "}" + pickled_items({{"neg", "\x88"}}))),
              HasSubstr("lazy view"));
  EXPECT_THAT(state_dict(pickled_tensor(tensor) + pickled(0) + pickled(5) + "s"), HasSubstr("changes"));
  const std::string hooks = "}" + pickled_items({{"0", pickled_global("mymodels", "run")}});
  EXPECT_THAT(state_dict(pickled_global("torch._utils", "_rebuild_parameter") + "(" + pickled_tensor(tensor) +
                         "\x88" + hooks + "tR"),
              HasSubstr("wrong arguments"));
}

TEST(ModelFile, MakesNoObjectsOfWeights) {
  const std::string object = pickled_global("mymodels", "Net") + ")\x81";
  const std::string items = "}" + pickled_items({{"w", pickled_tensor(four({4}, {1}))}});
  EXPECT_THAT(refusal(torch_file(complete_pickle(object + "0" + items), four_floats)),
              HasSubstr("no module but has an object of class mymodels.Net"));
  EXPECT_THAT(
      refusal(torch_file(complete_pickle(object + "0" + pickled_tensor(four({4}, {1}))), four_floats)),
      HasSubstr("no module but has an object"));
}

TEST(ModelFile, EndsTheWalkOverModulesThatAreSharedWithoutEnd) {
  std::string module = pickled_module("Leaf", "", "", "") + "q";
  module += '\1';
  for (char level = 1; level < 60; ++level) {
    const std::string below = std::string("h") + level;
    module += "0" + pickled_module("Net", "", "", pickled_items({{"a", below}, {"b", below}})) + "q";
    module += static_cast<char>(level + 1);
  }
  EXPECT_THAT(refusal(torch_file(complete_pickle(module), {})), HasSubstr("too many modules"));
}

TEST(ModelFile, CountsWhatAWalkOverModulesPassesBy) {
  // 2^13 modules, each with the same 10,000 parameters that are None.
  std::string nothing = "}(";
  for (int i = 0; i < 10'000; ++i) nothing += "NN";
  const auto module = [](const std::string& modules) {
    return pickled_global("mymodels", "Net") + ")\x81}" +
           pickled_items({{"_parameters", "h\x02"}, {"_buffers", "}"}, {"_modules", "}" + modules}}) +
           "bq\x01";
  };
  std::string pickle = nothing + "uq\x02" + "0" + module("");
  for (int level = 0; level < 13; ++level) {
    pickle += "0" + module(pickled_items({{"a", "h\x01"}, {"b", "h\x01"}}));
  }
  EXPECT_THAT(refusal(torch_file(complete_pickle(pickle), {})), HasSubstr("too many modules"));
}

TEST(ModelFile, RefusesNamesThatAreNoText) {
  const std::string bytes_key = std::string("(C\x02\xff\xfe", 5);
  const std::string tensor = pickled_tensor(four({4}, {1}));
  for (const auto& module : {pickled_module("Net", bytes_key + tensor + "u", "", ""),
                             pickled_module("Net", "", bytes_key + tensor + "u", ""),
                             pickled_module("Net", pickled_items({{"w", tensor}}), "",
                                            bytes_key + pickled_module("Leaf", "", "", "") + "u")}) {
    EXPECT_THAT(refusal(torch_file(complete_pickle(module), four_floats)), HasSubstr("must be strings"));
  }
}

const std::string script_code =
    "class Net(Module):\n"
    "  __parameters__ = [\"weight\", ]\n"
    "  __buffers__ = [\"mean\", ]\n"
    "  weight : Tensor\n"
    "  def forward(self: __torch__.nets.Net, x: Tensor) -> Tensor:\n"
    "    return torch.mul(x, self.weight)\n";

std::string script_file(const std::string& code,
                        const std::string& code_path = "archive/code/__torch__/nets.py") {
  const std::string tensor = pickled_tensor(four({4}, {1}));
  const std::string pickle =
      complete_pickle(pickled_global("__torch__.nets", "Net") + ")\x81}" +
                      pickled_items({{"mean", tensor}, {"extra", tensor}, {"weight", tensor}}) + "b");
  return torch_file(pickle, four_floats, {{.name = code_path, .content = code, .deflated = true}});
}

TEST(ModelFile, TakesParametersAndBuffersOfTorchScriptFromItsCode) {
  const std::string file = script_file(script_code);
  EXPECT_THAT(names_in(file), ElementsAre("weight", "mean"));
  const auto model = ModelFile::from_bytes(bytes_of(file)).value();
  EXPECT_EQ(model.kind(), FileKind::torchscript);
  EXPECT_EQ(model.root_class(), "nets.Net");
  EXPECT_THAT(refusal(script_file(script_code, "archive/code/__torch__/other.py")), HasSubstr("no code"));
}

TEST(ModelFile, RefusesTorchScriptThatReachesForFiles) {
  const auto with = [](const std::string& line) {
    return refusal(script_file(script_code + "    " + line + "\n"));
  };
  EXPECT_EQ(with("x = torch.add(x, x)"), "");
  EXPECT_EQ(with("x = self.save(x)"), "");
  EXPECT_THAT(with("x = torch.from_file(\"f\", True, 4)"), HasSubstr("aten::from_file"));
  EXPECT_THAT(with("torch . save(x, \"f\")"), HasSubstr("aten::save"));
  EXPECT_THAT(with("ops.aten.save(x, \"f\")"), HasSubstr("aten::save"));
  EXPECT_THAT(with("def __setstate__(self, state: Tensor) -> NoneType:"), HasSubstr("__setstate__"));
}

TEST(ModelFile, NamesFormatsThatItDoesNotRead) {
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("hello"), HasSubstr("neither a zip archive"));
  EXPECT_THAT(refusal(std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15)),
              HasSubstr("legacy format"));
  EXPECT_THAT(refusal("\x80\x02N."), HasSubstr("plain pickle"));
  EXPECT_THAT(refusal(torch_file(complete_pickle("N"), {})), HasSubstr("neither a module"));
  EXPECT_THAT(refusal(torch_file(complete_pickle("}"), {})), HasSubstr("no parameters"));
  EXPECT_THAT(refusal(torch_file(complete_pickle("}" + pickled_items({{"epoch", pickled(3)}})), {})),
              HasSubstr("\"epoch\" is not a tensor"));
  EXPECT_THAT(refusal(torch_file(complete_pickle("}(K\x01Nu"), {})), HasSubstr("keys must be strings"));
  EXPECT_THAT(refusal(zip_of({{.name = "archive/version", .content = "3\n"}})), HasSubstr("no data.pkl"));
  EXPECT_THAT(refusal(zip_of({{.name = "archive/data.pkl", .content = complete_pickle("}")}})),
              HasSubstr("no version record"));
  EXPECT_THAT(refusal(torch_file(complete_pickle("}"), {}, {{.name = "other/x", .content = ""}})),
              HasSubstr("more than one top folder"));
  EXPECT_THAT(
      refusal(torch_file(complete_pickle("}"), {}, {{.name = "archive/byteorder", .content = "big"}})),
      HasSubstr("not little-endian"));
  EXPECT_THAT(refusal(state_dict_file({{"a", {1}}}), {.file_size_bytes = 10}), HasSubstr("at most 10"));
}

TEST(ModelFile, RefusesCompressedStorages) {
  const std::string pickle = complete_pickle("}" + pickled_items({{"w", pickled_tensor(four({4}, {1}))}}));
  EXPECT_THAT(
      refusal(torch_file(pickle, {},
                         {{.name = "archive/data/0", .content = four_floats[0].content, .deflated = true}})),
      HasSubstr("is compressed"));
}

std::string safetensors_file(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

TEST(ModelFile, ReadsSafetensors) {
  const std::string data = raw<float>({1, 2, 3, 4});
  const auto entry = [](const std::string& name, const std::string& shape, const std::string& offsets) {
    return "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
  };
  const std::string file =
      safetensors_file("{\"__metadata__\":{\"format\":\"pt\"}," + entry("b", "[3]", "[4,16]") + "," +
                           entry("a", "[]", "[0,4]") + "}",
                       data);
  EXPECT_THAT(names_in(file), ElementsAre("b", "a"));
  const auto model = ModelFile::from_bytes(bytes_of(file)).value();
  EXPECT_EQ(model.kind(), FileKind::safetensors);
  EXPECT_THAT(floats(model.read(*model.find("b"))), ElementsAre(2, 3, 4));

  const auto refused = [&](const std::string& header) {
    return refusal(safetensors_file("{" + header + "}", data));
  };
  EXPECT_THAT(refused(entry("a", "[3]", "[0,12]")), HasSubstr("bytes after"));
  EXPECT_THAT(refused(entry("a", "[3]", "[4,16]")), HasSubstr("hole"));
  EXPECT_THAT(refused(entry("a", "[4]", "[0,16]") + "," + entry("b", "[3]", "[4,16]")), HasSubstr("overlap"));
  EXPECT_THAT(refused(entry("a", "[4]", "[0,16]") + "," + entry("a", "[4]", "[0,16]")),
              HasSubstr("\"a\" twice"));
  EXPECT_THAT(refused(entry("a", "[5]", "[0,20]")), HasSubstr("past the end"));
  EXPECT_THAT(refused(entry("a", "[5]", "[0,16]")), HasSubstr("do not match"));
  EXPECT_THAT(refused(entry("a", "[4294967296,4294967296]", "[0,0]")), HasSubstr("do not match"));
  EXPECT_THAT(refused(entry("a", "[4]", "[16,0]")), HasSubstr("ascending"));
  EXPECT_THAT(refused(entry("a", "[-4]", "[0,16]")), HasSubstr("negative"));
  EXPECT_THAT(refused(entry("a", "[[4]]", "[0,16]")), HasSubstr("does not belong"));
  EXPECT_THAT(refused("\"__metadata__\":" + std::string(20000, '[')), HasSubstr("does not belong"));
  EXPECT_THAT(refused(R"("a":{"dtype":"F32","data_offsets":[0,4]})"), HasSubstr("needs a dtype and a shape"));
  EXPECT_THAT(refused(R"("a":{"shape":[4],"data_offsets":[0,16]})"), HasSubstr("needs a dtype and a shape"));
  EXPECT_THAT(refused(R"("a":{"dtype":"F32","shape":[],"shape":[4],"data_offsets":[0,16]})"),
              HasSubstr("\"shape\" twice"));
  EXPECT_THAT(refused(R"("a":{"dtype":"F32","shape":[4]})"), HasSubstr("ascending"));
  EXPECT_THAT(refused("\"a\":"), HasSubstr("not JSON"));
  EXPECT_THAT(refused(""), HasSubstr("no tensors"));
}

TEST(ModelFile, KnowsAPipelineOfTorchvisionAsAModuleWithoutWeights) {
  const auto pipeline = [](std::string_view module, std::string_view name) {
    return torch_file(
        complete_pickle(pickled_global(module, name) + ")\x81}" + pickled_items({{"transforms", "]"}}) + "b"),
        {});
  };
  const auto file = pipeline("torchvision.transforms.transforms", "Compose");
  const auto model = ModelFile::from_bytes(bytes_of(file));
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->kind(), FileKind::eager_module);
  EXPECT_EQ(model->root_class(), "torchvision.transforms.transforms.Compose");
  EXPECT_TRUE(model->tensors().empty());
  EXPECT_THAT(refusal(pipeline("their.transforms", "Compose")), HasSubstr("neither a module"));
}

TEST(ReadTensor, GivesTheOnlyTensorContiguous) {
  const std::string file = torch_file(complete_pickle(pickled_tensor(four({2, 2}, {1, 2}))), four_floats);
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "t.pt", std::ios::binary) << file;
  for (const auto& tensor : {read_tensor(bytes_of(file)), read_tensor(folder.path() / "t.pt")}) {
    ASSERT_TRUE(tensor.has_value()) << tensor.error().message;
    EXPECT_THAT(tensor->shape, ElementsAre(2, 2));
    EXPECT_THAT(floats(*tensor), ElementsAre(1, 3, 2, 4));
  }
  EXPECT_THAT(read_tensor(bytes_of(state_dict_file({{"a", {1}}}))).error().message,
              HasSubstr("no single tensor"));
  EXPECT_THAT(read_tensor(folder.path() / "absent.pt").error().message, HasSubstr("Cannot open absent.pt"));
  EXPECT_THAT(read_tensor(folder.path()).error().message, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace fedlog::ml
