#include "model/artifact.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>

#include "crypto/merkle.h"
#include "model/panel_stream.h"
#include "model/weights.h"

namespace assay {
namespace {

// Small files of a Hugging Face folder that belong to the model, beside its weights.
constexpr std::string_view kFolderFiles[] = {"config.json", "model.safetensors.index.json",
                                             "tokenizer.json", "tokenizer.model",
                                             "tokenizer_config.json"};
// The hashes of a panel take about as long as a fast disk needs for it: with two buffers, each
// would wait for the other whenever one is slow.
constexpr size_t kBuffers = 4;
constexpr uint64_t kFolderFileBytesMax = uint64_t{64} << 20;

// A piece of a weight file: bytes that belong to no tensor, or whole rows of one. Rows of rotary
// tensors come in whole heads, because the canonical order moves rows inside a head.
struct Piece {
  const BoundTensor* tensor = nullptr;
  size_t index = 0;  // of the tensor in Model::tensors
  uint64_t row0 = 0;
  uint64_t rows = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

uint64_t rows_per_unit(const BoundTensor& tensor, const Architecture& arch) {
  return tensor.row_order == RowOrder::kInterleaved && tensor.info.shape.size() > 1 ? arch.head_dim
                                                                                    : 1;
}

// Cuts one file into pieces that cover every byte once, in order.
Result<std::vector<Piece>> cut_file(const Model& model, size_t file, size_t piece_bytes_max) {
  std::vector<Piece> tensors;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const BoundTensor& t = model.tensors[i];
    if (t.info.file == file && t.placement.contiguous())
      tensors.push_back({&t, i, 0, t.info.rows(), t.info.offset, t.info.bytes});
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const Piece& a, const Piece& b) { return a.offset < b.offset; });
  std::vector<Piece> pieces;
  uint64_t at = 0;
  const auto add_gap = [&](uint64_t end) {
    while (at < end) {
      const uint64_t bytes = std::min<uint64_t>(end - at, piece_bytes_max);
      pieces.push_back({.offset = at, .bytes = bytes});
      at += bytes;
    }
  };
  for (const Piece& whole : tensors) {
    add_gap(whole.offset);
    const uint64_t stride = whole.bytes / whole.rows;
    const uint64_t unit = rows_per_unit(*whole.tensor, model.arch);
    if (unit * stride > piece_bytes_max) {
      return resource_exhausted(model.checkpoint.path + ": tensor " + whole.tensor->info.name +
                                " needs " + format_size(unit * stride) +
                                " at a time, above the buffer of " + format_size(piece_bytes_max) +
                                "; give more --memory");
    }
    const uint64_t rows_max = piece_bytes_max / (unit * stride) * unit;
    for (uint64_t row = 0; row < whole.rows; row += rows_max) {
      const uint64_t rows = std::min(rows_max, whole.rows - row);
      pieces.push_back({whole.tensor, whole.index, row, rows, at, rows * stride});
      at += rows * stride;
    }
  }
  add_gap(model.checkpoint.files[file]->size());
  return pieces;
}

// A row as stored, with the scales that belong to it.
Bytes row_content(const TensorInfo& tensor, uint64_t row, ByteSpan stored) {
  Bytes content(stored.begin(), stored.end());
  if (tensor.scales == nullptr) return content;
  const WeightScales scales = tensor.scales_from(row);
  const uint64_t group = scales.row0 >> scales.rows_log2;
  const uint64_t count = ((tensor.columns() - 1) >> scales.columns_log2) + 1;
  append_bytes(content,
               as_bytes(std::span(tensor.scales->values).subspan(group * scales.stride, count)));
  return content;
}

std::array<Digest, 2> raw_leaf_pair(const TensorInfo& tensor, std::array<uint64_t, 2> rows,
                                    std::array<ByteSpan, 2> stored) {
  if (tensor.scales == nullptr) return merkle_leaf_pair(stored[0], stored[1]);
  return merkle_leaf_pair(row_content(tensor, rows[0], stored[0]),
                          row_content(tensor, rows[1], stored[1]));
}

// The values of a vector in canonical order, which moves elements of interleaved heads.
void order_vector(const BoundTensor& tensor, const Architecture& arch, std::span<float> values) {
  if (tensor.info.shape.size() != 1 || tensor.row_order != RowOrder::kInterleaved) return;
  const std::vector<float> stored(values.begin(), values.end());
  for (size_t j = 0; j < values.size(); ++j) values[j] = stored[source_row(tensor, arch, j)];
}

// Leaves of one tensor while its rows go by.
struct TensorLeaves {
  std::vector<Digest> raw;     // in file order
  std::vector<Digest> values;  // in canonical order
};

class ArtifactHasher {
 public:
  ArtifactHasher(const Model& model, ComputeContext& compute)
      : model_(model),
        compute_(compute),
        leaves_(model.tensors.size()),
        digests_(model.tensors.size()) {}

  // Hashes a panel of consecutive pieces of one file, the file's own digest beside its tensors'
  // rows.
  Status add_panel(std::span<const Piece> pieces, ByteSpan bytes, Sha256* file_hash) {
    struct Task {
      const Piece* piece;  // null: the file's digest
      uint64_t row0;
      uint64_t rows;
      const uint8_t* data;
    };
    std::vector<Task> tasks;
    if (file_hash != nullptr) tasks.push_back({nullptr, 0, 0, nullptr});
    const uint8_t* data = bytes.data();
    for (const Piece& piece : pieces) {
      if (piece.tensor != nullptr) {
        prepare(piece);
        const uint64_t stride = piece.bytes / piece.rows;
        const uint64_t unit = rows_per_unit(*piece.tensor, model_.arch);
        const uint64_t step = std::max<uint64_t>(1, (uint64_t{1} << 16) / (unit * stride)) * unit;
        for (uint64_t row = 0; row < piece.rows; row += step) {
          tasks.push_back(
              {&piece, piece.row0 + row, std::min(step, piece.rows - row), data + row * stride});
        }
      }
      data += piece.bytes;
    }
    std::mutex mutex;
    size_t first_failed = tasks.size();
    Status failure;
    compute_.pool->parallel_for(tasks.size(), 1, [&](size_t begin, size_t end, size_t) {
      for (size_t i = begin; i < end; ++i) {
        const Task& task = tasks[i];
        if (task.piece == nullptr) {
          file_hash->update(bytes);
          continue;
        }
        Status status = hash_rows(*task.piece, task.row0, task.rows, task.data);
        if (status.ok()) continue;
        const std::lock_guard lock(mutex);
        if (i < first_failed) {
          first_failed = i;
          failure = std::move(status);
        }
      }
    });
    if (!failure.ok()) return failure;
    for (const Piece& piece : pieces) {
      if (piece.tensor != nullptr && piece.row0 + piece.rows == piece.tensor->info.rows())
        finish(piece);
    }
    return ok_status();
  }

  std::vector<TensorDigests> take() { return std::move(digests_); }

 private:
  void prepare(const Piece& piece) {
    TensorLeaves& leaves = leaves_[piece.index];
    leaves.values.resize(piece.tensor->info.rows());
    if (!same_bytes(*piece.tensor)) leaves.raw.resize(piece.tensor->info.rows());
  }

  // F32 rows in canonical order are their own decoded values: one hash serves both.
  static bool same_bytes(const BoundTensor& tensor) {
    return tensor.info.type == DType::kF32 && tensor.row_order == RowOrder::kCanonical &&
           !tensor.plus_one;
  }

  // A row as stored and as values, in canonical order.
  struct Row {
    uint64_t canonical = 0;  // its place among the values
    uint64_t stored = 0;
    ByteSpan bytes;
    std::vector<float> values;
  };

  // Two rows at a time: their hashes are computed in turn.
  Status hash_rows(const Piece& piece, uint64_t row0, uint64_t rows, const uint8_t* data) {
    const BoundTensor& tensor = *piece.tensor;
    const uint64_t stride = piece.bytes / piece.rows;
    std::array<Row, 2> pair;
    for (uint64_t r = 0; r < rows; ++r) {
      Row& row = pair[r % 2];
      row.canonical = row0 + r;
      // The order of a vector is that of the elements of its one row.
      const bool vector = tensor.info.shape.size() == 1;
      row.stored = vector ? row0 + r : source_row(tensor, model_.arch, row0 + r);
      row.bytes = {data + (row.stored - row0) * stride, stride};
      ASSAY_RETURN_IF_ERROR(decode_values(tensor, row));
      if (r % 2 == 1) {
        add_leaves(piece, pair[0], pair[1]);
      } else if (r + 1 == rows) {
        add_leaves(piece, row);
      }
    }
    return ok_status();
  }

  Status decode_values(const BoundTensor& tensor, Row& row) const {
    std::vector<float>& values = row.values;
    values.resize(tensor.info.columns());
    decode_row(*compute_.kernels, tensor.info, row.stored, row.bytes.data(), values);
    ASSAY_RETURN_IF_ERROR(check_finite_row(model_, tensor, row.stored, row.bytes.data(), values));
    if (tensor.plus_one) {
      for (float& value : values) value += 1.0F;
    }
    order_vector(tensor, model_.arch, values);
    return ok_status();
  }

  void add_leaves(const Piece& piece, const Row& row) {
    TensorLeaves& leaves = leaves_[piece.index];
    leaves.values[row.canonical] = merkle_leaf(value_bytes(row));
    if (leaves.raw.empty()) return;
    leaves.raw[row.stored] = merkle_leaf(row_content(piece.tensor->info, row.stored, row.bytes));
  }

  void add_leaves(const Piece& piece, const Row& first, const Row& second) {
    TensorLeaves& leaves = leaves_[piece.index];
    const auto values = merkle_leaf_pair(value_bytes(first), value_bytes(second));
    leaves.values[first.canonical] = values[0];
    leaves.values[second.canonical] = values[1];
    if (leaves.raw.empty()) return;
    const auto raw = raw_leaf_pair(piece.tensor->info, {first.stored, second.stored},
                                   {first.bytes, second.bytes});
    leaves.raw[first.stored] = raw[0];
    leaves.raw[second.stored] = raw[1];
  }

  static ByteSpan value_bytes(const Row& row) {
    return as_bytes(std::span<const float>(row.values));
  }

  void finish(const Piece& piece) {
    TensorLeaves& leaves = leaves_[piece.index];
    TensorDigests& out = digests_[piece.index];
    out.name = piece.tensor->name;
    out.values = merkle_root(leaves.values);
    out.raw = leaves.raw.empty() ? out.values : merkle_root(leaves.raw);
    leaves = {};
  }

  const Model& model_;
  ComputeContext& compute_;
  std::vector<TensorLeaves> leaves_;
  std::vector<TensorDigests> digests_;
};

Bytes tensor_head(std::string_view name, const std::vector<uint64_t>& shape) {
  Bytes out;
  append_sized(out, name);
  append_le(out, static_cast<uint32_t>(shape.size()));
  for (const uint64_t size : shape) append_le(out, size);
  return out;
}

Digest weights_root(const Model& model, const std::vector<TensorDigests>& digests) {
  std::vector<Digest> leaves;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    Bytes content = tensor_head(digests[i].name, model.tensors[i].info.shape);
    append_sized(content, dtype_info(model.tensors[i].info.type).name);
    append_bytes(content, digests[i].raw);
    leaves.push_back(merkle_leaf(content));
  }
  return merkle_root(leaves);
}

Digest canonical_digest(const Model& model, const std::vector<TensorDigests>& digests) {
  std::vector<Digest> leaves;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    Bytes content = tensor_head(digests[i].name, model.tensors[i].info.shape);
    append_bytes(content, digests[i].values);
    leaves.push_back(merkle_leaf(content));
  }
  if (model.arch.tied_head) {
    // A head that is the embedding and one that is a copy of it are the same model.
    Bytes content = tensor_head("output.weight", model.tensors.front().info.shape);
    append_bytes(content, digests.front().values);
    leaves.push_back(merkle_leaf(content));
  }
  const Architecture& a = model.arch;
  Bytes head;
  append_bytes(head, as_bytes("assay.canonical.v1"));
  append_sized(head, a.family);
  for (const uint32_t field :
       {a.layers, a.d_model, a.heads, a.kv_heads, a.head_dim, a.rotary_dims, a.d_ff, a.vocab}) {
    append_le(head, field);
  }
  append_le(head, a.rope.base);
  append_le(head, a.norm_eps);
  const std::string traits = architecture_traits(a);
  if (!traits.empty()) append_sized(head, traits);
  append_bytes(head, merkle_root(leaves));
  return sha256(head);
}

// The digest of a folder: SHA-256 of "<sha256>  <name>\n" lines sorted by name, as sha256sum prints
// them.
Result<Digest> folder_digest(const Checkpoint& checkpoint,
                             const std::vector<Digest>& weight_files) {
  std::vector<std::pair<std::string, Digest>> entries;
  for (size_t i = 0; i < weight_files.size(); ++i) {
    entries.emplace_back(std::filesystem::path(checkpoint.files[i]->path()).filename().string(),
                         weight_files[i]);
  }
  for (const std::string_view name : kFolderFiles) {
    const std::string path = (std::filesystem::path(checkpoint.path) / name).string();
    if (!path_exists(path)) continue;
    ASSAY_ASSIGN_OR_RETURN(const Bytes content, read_whole_file(path, kFolderFileBytesMax));
    entries.emplace_back(name, sha256(content));
  }
  std::sort(entries.begin(), entries.end());
  Sha256 hash;
  for (const auto& [name, digest] : entries) hash.update(to_hex(digest) + "  " + name + "\n");
  return hash.finish();
}

// Hashes the tensors whose rows do not lie one behind the other, which the pass over the files has
// left out: they are read a second time, row by row.
Status hash_scattered(const Model& model, size_t buffer_bytes, ArtifactHasher& hasher,
                      ArtifactDigests& out) {
  Bytes turned;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const BoundTensor& tensor = model.tensors[i];
    if (tensor.placement.contiguous()) continue;
    const uint64_t rows = tensor.info.rows();
    const uint64_t stride = stride_of(tensor);
    const uint64_t rows_max = std::max<uint64_t>(1, buffer_bytes / stride);
    PanelStream stream(std::max<uint64_t>(stride, buffer_bytes));
    for (uint64_t row = 0; row < rows; row += rows_max) {
      std::vector<Extent> extents;
      append_extents(model, tensor, row, std::min(rows_max, rows - row), extents);
      stream.enqueue(std::move(extents));
    }
    for (uint64_t row = 0; row < rows; row += rows_max) {
      ASSAY_ASSIGN_OR_RETURN(const PanelStream::Panel panel, stream.next());
      ByteSpan bytes = panel.bytes();
      out.bytes_read += bytes.size();
      if (tensor.placement.transposed_width != 0) {
        turned.resize(bytes.size());
        transpose_rows(tensor, bytes, turned);
        bytes = turned;
      }
      const Piece piece = {&tensor, i, row, std::min(rows_max, rows - row), 0, bytes.size()};
      ASSAY_RETURN_IF_ERROR(hasher.add_panel({&piece, 1}, bytes, nullptr));
    }
  }
  return ok_status();
}

}  // namespace

Result<ArtifactDigests> hash_artifact(const Model& model, ComputeContext& compute,
                                      size_t buffer_bytes,
                                      const std::function<void(uint64_t bytes_done)>& progress) {
  ArtifactHasher hasher(model, compute);
  ArtifactDigests out;
  std::vector<Digest> file_digests;
  for (size_t file = 0; file < model.checkpoint.files.size(); ++file) {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<Piece> pieces, cut_file(model, file, buffer_bytes));
    PanelStream stream(buffer_bytes, ReadPath::kBySize, kBuffers);
    std::vector<std::span<const Piece>> panels;
    for (size_t begin = 0; begin < pieces.size();) {
      size_t end = begin;
      uint64_t bytes = 0;
      while (end < pieces.size() && bytes + pieces[end].bytes <= buffer_bytes)
        bytes += pieces[end++].bytes;
      panels.push_back(std::span(pieces).subspan(begin, end - begin));
      stream.enqueue({{model.checkpoint.files[file], pieces[begin].offset, bytes}});
      begin = end;
    }
    Sha256 file_hash;
    for (const auto& panel_pieces : panels) {
      ASSAY_ASSIGN_OR_RETURN(const PanelStream::Panel panel, stream.next());
      ASSAY_RETURN_IF_ERROR(hasher.add_panel(panel_pieces, panel.bytes(), &file_hash));
      out.bytes_read += panel.bytes().size();
      if (progress) progress(out.bytes_read);
    }
    file_digests.push_back(file_hash.finish());
  }
  ASSAY_RETURN_IF_ERROR(hash_scattered(model, buffer_bytes, hasher, out));
  out.tensors = hasher.take();
  out.weights_root = weights_root(model, out.tensors);
  out.canonical_digest = canonical_digest(model, out.tensors);
  if (is_directory(model.checkpoint.path)) {
    ASSAY_ASSIGN_OR_RETURN(out.digest, folder_digest(model.checkpoint, file_digests));
  } else {
    out.digest = file_digests.front();
  }
  return out;
}

Digest raw_digest(const BoundTensor& tensor, ByteSpan rows, ComputeContext& compute) {
  const TensorInfo& info = tensor.info;
  const uint64_t stride = stride_of(tensor);
  std::vector<Digest> leaves(info.rows());
  const auto stored = [&](uint64_t row) { return rows.subspan(row * stride, stride); };
  compute.pool->parallel_for(leaves.size(), 64, [&](size_t begin, size_t end, size_t) {
    size_t row = begin;
    for (; row + 2 <= end; row += 2) {
      const auto pair = raw_leaf_pair(info, {row, row + 1}, {stored(row), stored(row + 1)});
      std::copy(pair.begin(), pair.end(), &leaves[row]);
    }
    if (row < end) leaves[row] = merkle_leaf(row_content(info, row, stored(row)));
  });
  return merkle_root(leaves);
}

Digest values_digest(const Model& model, const BoundTensor& tensor, std::span<const float> values,
                     ComputeContext& compute) {
  ASSAY_CHECK(tensor.info.shape.size() == 1 || tensor.row_order == RowOrder::kCanonical);
  std::vector<float> ordered(values.begin(), values.end());
  order_vector(tensor, model.arch, ordered);
  const size_t columns = tensor.info.columns();
  std::vector<Digest> leaves(tensor.info.rows());
  compute.pool->parallel_for(leaves.size(), 64, [&](size_t begin, size_t end, size_t) {
    for (size_t row = begin; row < end; ++row) {
      leaves[row] = merkle_leaf(as_bytes(std::span<const float>(&ordered[row * columns], columns)));
    }
  });
  return merkle_root(leaves);
}

}  // namespace assay
