#include "verify/resume.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <filesystem>

namespace assay {
namespace {

// File: magic, u64 length of the state, state, SHA-256 of (magic .. state), residual rows of a, of
// b, SHA-256 of those.
constexpr std::string_view kMagic = "assay.resume.v1\n";
constexpr uint64_t kStateBytesMax = uint64_t{4} << 30;
constexpr size_t kChunkFloats = size_t{1} << 18;

// Bounded reader over the decoded state: every take checks what is left.
class Reader {
 public:
  explicit Reader(ByteSpan bytes) : bytes_(bytes) {}
  template <typename T>
  T take() {
    if (bytes_.size() < sizeof(T)) {
      failed_ = true;
      return T{};
    }
    const T value = load_le<T>(bytes_.data());
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  template <size_t N>
  void take_array(std::array<uint8_t, N>& out) {
    out = take<std::array<uint8_t, N>>();
  }
  // A count of items that each take at least item_bytes more.
  size_t take_count(size_t item_bytes) {
    const uint64_t count = take<uint64_t>();
    if (count > bytes_.size() / item_bytes) {
      failed_ = true;
      return 0;
    }
    return count;
  }
  std::string take_text() {
    const size_t length = take<uint32_t>();
    if (length > bytes_.size()) {
      failed_ = true;
      return {};
    }
    std::string text(reinterpret_cast<const char*>(bytes_.data()), length);
    bytes_ = bytes_.subspan(length);
    return text;
  }
  bool failed() const { return failed_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  ByteSpan bytes_;
  bool failed_ = false;
};

void put_observations(Bytes& out, const std::vector<TranscriptObservation>& observations) {
  append_le(out, static_cast<uint64_t>(observations.size()));
  for (const TranscriptObservation& o : observations) {
    append_bytes(out, o.activation);
    append_bytes(out, o.sketch);
  }
}

std::vector<TranscriptObservation> take_observations(Reader& in) {
  std::vector<TranscriptObservation> out(in.take_count(64));
  for (TranscriptObservation& o : out) {
    in.take_array(o.activation);
    in.take_array(o.sketch);
  }
  return out;
}

void put_artifact(Bytes& out, const ArtifactDigests& artifact) {
  append_bytes(out, artifact.digest);
  append_bytes(out, artifact.weights_root);
  append_bytes(out, artifact.canonical_digest);
  append_le(out, artifact.bytes_read);
  append_le(out, static_cast<uint64_t>(artifact.tensors.size()));
  for (const TensorDigests& tensor : artifact.tensors) {
    append_sized(out, tensor.name);
    append_bytes(out, tensor.raw);
    append_bytes(out, tensor.values);
  }
}

ArtifactDigests take_artifact(Reader& in) {
  ArtifactDigests artifact;
  in.take_array(artifact.digest);
  in.take_array(artifact.weights_root);
  in.take_array(artifact.canonical_digest);
  artifact.bytes_read = in.take<uint64_t>();
  artifact.tensors.resize(in.take_count(68));
  for (TensorDigests& tensor : artifact.tensors) {
    tensor.name = in.take_text();
    in.take_array(tensor.raw);
    in.take_array(tensor.values);
  }
  return artifact;
}

Bytes encode(const RunState& state) {
  Bytes out;
  append_le(out, static_cast<uint64_t>(state.files.size()));
  for (const FileIdentity& file : state.files) {
    append_le(out, file.size);
    append_le(out, file.inode);
    append_le(out, file.mtime_ns);
  }
  put_artifact(out, state.artifact_a);
  put_artifact(out, state.artifact_b);
  append_le(out, state.challenges_done);
  append_le(out, state.wave_end);
  append_le(out, state.steps_done);
  append_le(out, static_cast<uint64_t>(state.observed.size()));
  for (size_t i = 0; i < state.observed.size(); ++i) {
    append_le(out, state.observed[i].tv);
    append_le(out, state.observed[i].scored);
    put_observations(out, state.observed[i].a);
    put_observations(out, state.observed[i].b);
    const ChallengeOutcome& outcome = state.outcomes[i];
    append_le(out, outcome.logits.tv);
    append_le(out, outcome.logits.kl_nats);
    append_le(out, outcome.logits.top1_equal);
    append_le(out, static_cast<uint64_t>(outcome.sites.size()));
    for (const auto& site : outcome.sites) {
      append_le(out, static_cast<uint8_t>(site.has_value()));
      append_le(out, site ? site->relative_l2 : 0.0);
      append_le(out, site ? site->cosine : 0.0);
    }
  }
  return out;
}

std::optional<RunState> decode(ByteSpan bytes) {
  Reader in(bytes);
  RunState state;
  state.files.resize(in.take_count(24));
  for (FileIdentity& file : state.files) {
    file.size = in.take<uint64_t>();
    file.inode = in.take<uint64_t>();
    file.mtime_ns = in.take<int64_t>();
  }
  state.artifact_a = take_artifact(in);
  state.artifact_b = take_artifact(in);
  state.challenges_done = in.take<uint64_t>();
  state.wave_end = in.take<uint64_t>();
  state.steps_done = in.take<uint64_t>();
  state.observed.resize(in.take_count(56));
  state.outcomes.resize(state.observed.size());
  for (size_t i = 0; i < state.observed.size() && !in.failed(); ++i) {
    state.observed[i].tv = in.take<Fixed>();
    state.observed[i].scored = in.take<uint32_t>();
    state.observed[i].a = take_observations(in);
    state.observed[i].b = take_observations(in);
    ChallengeOutcome& outcome = state.outcomes[i];
    outcome.logits.tv = in.take<double>();
    outcome.logits.kl_nats = in.take<double>();
    outcome.logits.top1_equal = in.take<uint32_t>();
    outcome.sites.resize(in.take_count(17));
    for (auto& site : outcome.sites) {
      const bool present = in.take<uint8_t>() != 0;
      const double relative_l2 = in.take<double>();
      const double cosine = in.take<double>();
      if (present) site = SiteDistance{relative_l2, cosine};
    }
  }
  if (in.failed() || !in.at_end()) return std::nullopt;
  return state;
}

// Appends to a file and hashes what it appends.
class HashedFile {
 public:
  HashedFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  Status write(ByteSpan bytes) {
    hash_.update(bytes);
    return write_raw(bytes);
  }
  Status write_digest() { return write_raw(hash_.finish()); }

 private:
  Status write_raw(ByteSpan bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno_status(errno, "write", path_);
      bytes = bytes.subspan(static_cast<size_t>(put));
    }
    return ok_status();
  }
  int fd_;
  std::string path_;
  Sha256 hash_;
};

Status write_residuals(HashedFile& file, ResidualStore& store) {
  const size_t rows_at_once = std::max<size_t>(1, kChunkFloats / store.width());
  std::vector<float> scratch(store.spilled() ? rows_at_once * store.width() : 0);
  for (size_t row = 0; row < store.tokens(); row += rows_at_once) {
    const size_t rows = std::min(rows_at_once, store.tokens() - row);
    ASSAY_ASSIGN_OR_RETURN(const float* values, store.get(row, rows, scratch));
    ASSAY_RETURN_IF_ERROR(file.write(as_bytes(std::span(values, rows * store.width()))));
  }
  return ok_status();
}

Status write_state(int fd, const std::string& path, const Digest& identity, const RunState& state,
                   ResidualStore* a, ResidualStore* b) {
  HashedFile file(fd, path);
  Bytes body(identity.begin(), identity.end());
  append_bytes(body, encode(state));
  Bytes head;
  append_bytes(head, as_bytes(kMagic));
  append_le(head, static_cast<uint64_t>(body.size()));
  ASSAY_RETURN_IF_ERROR(file.write(head));
  ASSAY_RETURN_IF_ERROR(file.write(body));
  ASSAY_RETURN_IF_ERROR(file.write_digest());
  for (ResidualStore* store : {a, b}) {
    if (store != nullptr) ASSAY_RETURN_IF_ERROR(write_residuals(file, *store));
  }
  ASSAY_RETURN_IF_ERROR(file.write_digest());
  if (::fsync(fd) != 0) return errno_status(errno, "sync", path);
  return ok_status();
}

}  // namespace

Result<std::unique_ptr<ResumeFolder>> ResumeFolder::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return errno_status(error.value(), "create", path);
  std::unique_ptr<ResumeFolder> folder(new ResumeFolder(path));
  const std::string lock = path + "/lock";
  folder->lock_fd_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (folder->lock_fd_ < 0) return errno_status(errno, "open", lock);
  if (::flock(folder->lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    return failed_precondition("another process is using " + path +
                               "; wait for it or give another --resume folder");
  }
  return folder;
}

ResumeFolder::~ResumeFolder() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Status ResumeFolder::save(const Digest& identity, const RunState& state, ResidualStore* a,
                          ResidualStore* b) {
  const std::string temporary = state_path() + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno_status(errno, "create", temporary);
  Status status = write_state(fd, temporary, identity, state, a, b);
  ::close(fd);
  if (status.ok() && ::rename(temporary.c_str(), state_path().c_str()) != 0) {
    status = errno_status(errno, "replace", state_path());
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

Result<std::optional<RunState>> ResumeFolder::load(const Digest& identity) {
  if (!path_exists(state_path())) return std::optional<RunState>();
  const auto damaged = [&] {
    return data_loss(state_path() + " is damaged and cannot be resumed; remove the folder " +
                     path_ + " to start from the beginning");
  };
  ASSAY_ASSIGN_OR_RETURN(const auto file, ReadFile::open(state_path()));
  constexpr uint64_t kHead = kMagic.size() + 8;
  Bytes head(kHead);
  if (file->size() < kHead || !file->read_at(0, head).ok() ||
      std::string_view(reinterpret_cast<const char*>(head.data()), kMagic.size()) != kMagic) {
    return damaged();
  }
  const uint64_t length = load_le<uint64_t>(head.data() + kMagic.size());
  if (length < 32 || length > kStateBytesMax || file->size() < kHead + length + 32)
    return damaged();
  Bytes body(length + 32);
  ASSAY_RETURN_IF_ERROR(file->read_at(kHead, body));
  const ByteSpan content(body.data(), length);
  if (Sha256().update(head).update(content).finish() != load_le<Digest>(body.data() + length))
    return damaged();
  if (load_le<Digest>(content.data()) != identity) {
    return failed_precondition(
        path_ +
        " holds a run with other models or other options (challenges, alpha, delta, "
        "key, run id, prompts); repeat the same command, or give another --resume folder");
  }
  std::optional<RunState> state = decode(content.subspan(32));
  if (!state) return damaged();
  residuals_at_ = kHead + length + 32;
  return state;
}

Status ResumeFolder::load_residuals(ResidualStore& a, ResidualStore& b) {
  ASSAY_ASSIGN_OR_RETURN(const auto file, ReadFile::open(state_path()));
  uint64_t at = residuals_at_;
  Sha256 hash;
  for (ResidualStore* store : {&a, &b}) {
    const size_t rows_at_once = std::max<size_t>(1, kChunkFloats / store->width());
    std::vector<float> rows(rows_at_once * store->width());
    for (size_t row = 0; row < store->tokens(); row += rows_at_once) {
      const size_t count = std::min(rows_at_once, store->tokens() - row);
      const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(rows.data()),
                                     count * store->width() * sizeof(float));
      ASSAY_RETURN_IF_ERROR(file->read_at(at, bytes));
      at += bytes.size();
      hash.update(bytes);
      if (store->spilled()) {
        ASSAY_RETURN_IF_ERROR(store->put(row, count, rows.data()));
      } else {
        ASSAY_ASSIGN_OR_RETURN(float* target, store->get(row, count, {}));
        std::copy_n(rows.data(), count * store->width(), target);
      }
    }
  }
  Digest stated{};
  ASSAY_RETURN_IF_ERROR(file->read_at(at, stated));
  if (hash.finish() != stated || at + 32 != file->size()) {
    return data_loss(state_path() + " is damaged and cannot be resumed; remove the folder " +
                     path_ + " to start from the beginning");
  }
  return ok_status();
}

Status ResumeFolder::remove_state() {
  std::error_code error;
  std::filesystem::remove(state_path(), error);
  return error ? errno_status(error.value(), "remove", state_path()) : ok_status();
}

}  // namespace assay
