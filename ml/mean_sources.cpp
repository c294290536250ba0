#include "ml/mean_sources.h"

#include <algorithm>
#include <utility>

#include "ml/compatibility.h"

namespace fedlog::ml {
namespace {

// Of one batch. So much of each file is mapped at once and released together, which is what mapping costs;
// more would drive the sums out of the cache.
constexpr std::size_t batch_bytes = std::size_t{2} << 20;
constexpr std::size_t batch_elements = 512 * 1024;

std::vector<std::size_t> memory_order(const TensorRecord& tensor) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] > 1) {
      order.push_back(i);
    }
  }
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return tensor.strides[i]; });
  return order;
}

std::uint64_t offset_of(const ModelFile& file, const TensorRecord& tensor) {
  return file.storages()[tensor.storage].file_offset +
         static_cast<std::uint64_t>(tensor.offset_elements) * size_bytes(tensor.dtype);
}

Dimensions in_order_of(const MeanTarget& target, const Dimensions& values) {
  Dimensions ordered;
  for (const std::size_t i : target.dimensions) {
    ordered.push_back(values[i]);
  }
  return ordered;
}

std::vector<TensorBox> cut(const MeanTarget& target, std::size_t index,
                           const std::vector<MeanSource>& sources) {
  const auto most = std::min(batch_elements, batch_bytes / size_bytes(target.dtype));
  std::vector<Dimensions> strides;
  for (const MeanSource& source : sources) {
    if (const auto found = source.strides.find(index); found != source.strides.end()) {
      strides.push_back(found->second);
    }
  }
  if (strides.empty()) {
    return boxes_of({static_cast<std::int64_t>(target.count)}, {}, most);
  }
  strides.push_back(contiguous_strides(target.shape));
  return boxes_of(target.shape, strides, most);
}

}  // namespace

std::vector<MeanTarget> mean_targets(const ModelFile& base) {
  std::vector<MeanTarget> targets;
  const auto first = first_of_same_view(base);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const TensorRecord& tensor = base.tensors()[i];
    const std::uint64_t count = element_count(tensor.shape).value();
    if (first[i] != i || count == 0 || tensor.dtype == DType::boolean) {
      continue;
    }
    MeanTarget target{.name = tensor.name,
                      .dtype = tensor.dtype,
                      .count = count,
                      .file_offset = offset_of(base, tensor),
                      .dimensions = memory_order(tensor),
                      .shape = {}};
    target.shape = in_order_of(target, tensor.shape);
    targets.push_back(std::move(target));
  }
  return targets;
}

std::expected<MeanSource, FileError> open_source(const ModelFile& base,
                                                 const std::vector<MeanTarget>& targets,
                                                 const std::filesystem::path& path, std::uint64_t weight,
                                                 const FileLimits& limits) {
  const auto model = ModelFile::open(path, limits);
  if (!model) {
    return std::unexpected(model.error());
  }
  if (auto checked = check_update(base, *model, false); !checked) {
    return file_error(FileErrorCode::incompatible, std::move(checked.error()));
  }
  auto file = MappedFile::open(path);
  if (!file) {
    return std::unexpected(std::move(file.error()));
  }
  if (file->bytes().size() != model->bytes().size()) {
    return file_error(FileErrorCode::io, "The file has changed while it was read.");
  }
  MeanSource source{.file = std::move(*file), .weight = weight, .offsets = {}, .strides = {}};
  source.offsets.reserve(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const TensorRecord& tensor = *model->find(targets[i].name);
    source.offsets.push_back(offset_of(*model, tensor));
    if (auto strides = in_order_of(targets[i], tensor.strides);
        strides != contiguous_strides(targets[i].shape)) {
      source.strides.emplace(i, std::move(strides));
    }
  }
  return source;
}

std::vector<MeanBatch> mean_batches(const std::vector<MeanTarget>& targets,
                                    const std::vector<MeanSource>& sources) {
  std::vector<MeanBatch> batches(1);
  std::size_t elements = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    for (TensorBox& box : cut(targets[i], i, sources)) {
      const auto count = static_cast<std::size_t>(element_count(box.size).value());
      const std::size_t size = count * size_bytes(targets[i].dtype);
      if (elements + count > batch_elements || bytes + size > batch_bytes) {
        batches.emplace_back();
        elements = bytes = 0;
      }
      batches.back().push_back({.target = i, .box = std::move(box), .begin = elements, .count = count});
      elements += count;
      bytes += size;
    }
  }
  return batches;
}

}  // namespace fedlog::ml
