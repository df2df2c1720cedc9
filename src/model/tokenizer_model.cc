#include "model/tokenizer_model.h"

#include <bit>

namespace assay {
namespace {

// The wire format of protocol buffers: a sequence of (tag, value), where a tag is a field number
// and one of four value shapes. Groups (wire types 3 and 4) are obsolete and refused.
enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  Wire wire = Wire::kVarint;
  uint64_t number_value = 0;  // of kVarint, kFixed64, kFixed32
  ByteSpan bytes;             // of kBytes: borrows from the message
};

class WireReader {
 public:
  // `offset` is where the message starts in the file, for errors.
  WireReader(ByteSpan message, size_t offset, std::string_view where)
      : rest_(message), end_(offset + message.size()), where_(where) {}

  bool done() const { return rest_.empty(); }
  size_t offset() const { return end_ - rest_.size(); }

  Result<Field> next() {
    Field field;
    ASSAY_ASSIGN_OR_RETURN(const uint64_t tag, varint());
    const uint64_t number = tag >> 3;
    if (number == 0 || number > (uint64_t{1} << 29) - 1) {
      return fail("the field number " + std::to_string(number) + " is not a field number");
    }
    field.number = static_cast<uint32_t>(number);
    switch (tag & 7) {
      case 0: {
        ASSAY_ASSIGN_OR_RETURN(field.number_value, varint());
        field.wire = Wire::kVarint;
        return field;
      }
      case 1: {
        ASSAY_ASSIGN_OR_RETURN(const ByteSpan bytes, take(8));
        field.number_value = load_le<uint64_t>(bytes.data());
        field.wire = Wire::kFixed64;
        return field;
      }
      case 2: {
        ASSAY_ASSIGN_OR_RETURN(const uint64_t size, varint());
        ASSAY_ASSIGN_OR_RETURN(field.bytes, take(size));
        field.wire = Wire::kBytes;
        return field;
      }
      case 5: {
        ASSAY_ASSIGN_OR_RETURN(const ByteSpan bytes, take(4));
        field.number_value = load_le<uint32_t>(bytes.data());
        field.wire = Wire::kFixed32;
        return field;
      }
      default:
        return fail("field " + std::to_string(number) + " has the wire type " +
                    std::to_string(tag & 7));
    }
  }

  Status expect(const Field& field, Wire wire, const char* name) const {
    if (field.wire == wire) return ok_status();
    return fail(std::string(name) + " has the wire type " +
                std::to_string(static_cast<int>(field.wire)) + ", expected " +
                std::to_string(static_cast<int>(wire)));
  }

  // Where the bytes of the field just read start in the file.
  size_t start_of(const Field& field) const { return offset() - field.bytes.size(); }

  Status fail(const std::string& what) const {
    return data_loss(std::string(where_) + ", byte " + std::to_string(offset()) + ": " + what);
  }

 private:
  Result<uint64_t> varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      ASSAY_ASSIGN_OR_RETURN(const ByteSpan byte, take(1));
      const uint64_t bits = byte[0] & 0x7F;
      if (shift == 63 && bits > 1) break;
      value |= bits << shift;
      if (byte[0] < 0x80) return value;
    }
    return fail("a number of more than 64 bits");
  }

  Result<ByteSpan> take(uint64_t size) {
    if (size > rest_.size()) {
      return fail(std::to_string(size) + " bytes are announced, " + std::to_string(rest_.size()) +
                  " are left");
    }
    const ByteSpan taken = rest_.first(static_cast<size_t>(size));
    rest_ = rest_.subspan(static_cast<size_t>(size));
    return taken;
  }

  ByteSpan rest_;
  size_t end_;
  std::string_view where_;
};

std::string text_of(const Field& field) { return {field.bytes.begin(), field.bytes.end()}; }

constexpr uint64_t kUnigram = 1;
constexpr uint64_t kBpe = 2;

// The fields used, and their defaults where a file leaves them out (proto2).
struct ModelFields {
  uint64_t model_type = kUnigram;
  bool whitespace_as_suffix = false;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  std::string char_map;
  std::string bos_piece = "<s>";
  std::string eos_piece = "</s>";
};

Result<TokenKind> kind_of_type(const WireReader& reader, uint64_t type) {
  switch (type) {
    case 1:
      return TokenKind::kNormal;
    case 2:
      return TokenKind::kUnknown;
    case 3:
      return TokenKind::kControl;
    case 4:
      return TokenKind::kUserDefined;
    case 5:
      return TokenKind::kUnused;
    case 6:
      return TokenKind::kByte;
    default:
      return reader.fail("pieces.type is " + std::to_string(type) + ", expected 1 to 6");
  }
}

Result<SpmPiece> parse_piece(WireReader reader) {
  SpmPiece piece;
  while (!reader.done()) {
    ASSAY_ASSIGN_OR_RETURN(const Field field, reader.next());
    if (field.number == 1) {
      ASSAY_RETURN_IF_ERROR(reader.expect(field, Wire::kBytes, "pieces.piece"));
      if (field.bytes.size() > kPieceBytesMax) {
        return reader.fail("pieces.piece has " + std::to_string(field.bytes.size()) +
                           " bytes; at most " + std::to_string(kPieceBytesMax) + " are supported");
      }
      piece.text = text_of(field);
    } else if (field.number == 2) {
      ASSAY_RETURN_IF_ERROR(reader.expect(field, Wire::kFixed32, "pieces.score"));
      piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.number_value));
    } else if (field.number == 3) {
      ASSAY_RETURN_IF_ERROR(reader.expect(field, Wire::kVarint, "pieces.type"));
      ASSAY_ASSIGN_OR_RETURN(piece.kind, kind_of_type(reader, field.number_value));
    }
  }
  return piece;
}

Status parse_trainer_spec(WireReader reader, ModelFields& fields) {
  while (!reader.done()) {
    ASSAY_ASSIGN_OR_RETURN(const Field field, reader.next());
    switch (field.number) {
      case 3:
        ASSAY_RETURN_IF_ERROR(reader.expect(field, Wire::kVarint, "trainer_spec.model_type"));
        fields.model_type = field.number_value;
        break;
      case 24:
        ASSAY_RETURN_IF_ERROR(
            reader.expect(field, Wire::kVarint, "trainer_spec.treat_whitespace_as_suffix"));
        fields.whitespace_as_suffix = field.number_value != 0;
        break;
      case 46:
        ASSAY_RETURN_IF_ERROR(reader.expect(field, Wire::kBytes, "trainer_spec.bos_piece"));
        fields.bos_piece = text_of(field);
        break;
      case 47:
        ASSAY_RETURN_IF_ERROR(reader.expect(field, Wire::kBytes, "trainer_spec.eos_piece"));
        fields.eos_piece = text_of(field);
        break;
      default:
        break;
    }
  }
  return ok_status();
}

Status parse_normalizer_spec(WireReader reader, ModelFields& fields) {
  while (!reader.done()) {
    ASSAY_ASSIGN_OR_RETURN(const Field field, reader.next());
    switch (field.number) {
      case 2:
        ASSAY_RETURN_IF_ERROR(
            reader.expect(field, Wire::kBytes, "normalizer_spec.precompiled_charsmap"));
        fields.char_map = text_of(field);
        break;
      case 3:
        ASSAY_RETURN_IF_ERROR(
            reader.expect(field, Wire::kVarint, "normalizer_spec.add_dummy_prefix"));
        fields.add_dummy_prefix = field.number_value != 0;
        break;
      case 4:
        ASSAY_RETURN_IF_ERROR(
            reader.expect(field, Wire::kVarint, "normalizer_spec.remove_extra_whitespaces"));
        fields.remove_extra_whitespaces = field.number_value != 0;
        break;
      case 5:
        ASSAY_RETURN_IF_ERROR(
            reader.expect(field, Wire::kVarint, "normalizer_spec.escape_whitespaces"));
        fields.escape_whitespaces = field.number_value != 0;
        break;
      default:
        break;
    }
  }
  return ok_status();
}

Status check_supported(const ModelFields& fields, const std::string& source) {
  if (fields.model_type != kUnigram && fields.model_type != kBpe) {
    const char* name = fields.model_type == 3   ? "word"
                       : fields.model_type == 4 ? "char"
                                                : "unknown";
    return unimplemented(source + ": trainer_spec.model_type is " +
                         std::to_string(fields.model_type) + " (" + name +
                         "); supported: 1 (unigram), 2 (BPE)");
  }
  if (fields.model_type == kBpe && !fields.char_map.empty()) {
    return unimplemented(source +
                         ": normalizer_spec.precompiled_charsmap is set; supported with BPE: "
                         "identity normalisation");
  }
  if (fields.whitespace_as_suffix) {
    return unimplemented(source + ": trainer_spec.treat_whitespace_as_suffix is true");
  }
  if (!fields.escape_whitespaces) {
    return unimplemented(source + ": normalizer_spec.escape_whitespaces is false");
  }
  return ok_status();
}

TokenId control_id(const SpmVocabulary& vocabulary, const std::string& text) {
  for (size_t i = 0; i < vocabulary.pieces.size(); ++i) {
    const SpmPiece& piece = vocabulary.pieces[i];
    if (piece.kind == TokenKind::kControl && piece.text == text) return static_cast<TokenId>(i);
  }
  return -1;
}

UnigramVocabulary unigram_of(SpmVocabulary pieces, ModelFields fields) {
  UnigramVocabulary out;
  out.tokens.reserve(pieces.pieces.size());
  for (SpmPiece& piece : pieces.pieces) {
    out.tokens.push_back({.text = std::move(piece.text),
                          .kind = piece.kind,
                          .score = piece.score,
                          .find = default_find_rule(piece.kind)});
  }
  out.unknown = pieces.unknown;
  out.bos = pieces.bos;
  out.eos = pieces.eos;
  out.space_prefix = pieces.space_prefix;
  out.space_scope = SpaceScope::kText;
  out.collapse_spaces = pieces.collapse_spaces;
  if (!fields.char_map.empty()) {
    out.normalizer = {{.kind = NormalizerKind::kCharMap, .content = std::move(fields.char_map)}};
  }
  return out;
}

}  // namespace

Result<AnyVocabulary> parse_tokenizer_model(ByteSpan content, const std::string& source) {
  if (content.size() > kTokenizerModelBytesMax) {
    return data_loss(source + " has " + format_size(content.size()) + "; at most " +
                     format_size(kTokenizerModelBytesMax) + " are read");
  }
  SpmVocabulary vocabulary;
  ModelFields fields;
  WireReader reader(content, 0, source);
  while (!reader.done()) {
    ASSAY_ASSIGN_OR_RETURN(const Field field, reader.next());
    if (field.number < 1 || field.number > 3) continue;
    const char* name = field.number == 1   ? "pieces"
                       : field.number == 2 ? "trainer_spec"
                                           : "normalizer_spec";
    ASSAY_RETURN_IF_ERROR(reader.expect(field, Wire::kBytes, name));
    const WireReader inner(field.bytes, reader.start_of(field), source);
    if (field.number == 2) {
      ASSAY_RETURN_IF_ERROR(parse_trainer_spec(inner, fields));
    } else if (field.number == 3) {
      ASSAY_RETURN_IF_ERROR(parse_normalizer_spec(inner, fields));
    } else if (vocabulary.pieces.size() == kVocabularyMax) {
      return reader.fail("more than " + std::to_string(kVocabularyMax) + " pieces");
    } else {
      ASSAY_ASSIGN_OR_RETURN(SpmPiece piece, parse_piece(inner));
      if (piece.kind == TokenKind::kUnknown && vocabulary.unknown < 0) {
        vocabulary.unknown = static_cast<TokenId>(vocabulary.pieces.size());
      }
      vocabulary.pieces.push_back(std::move(piece));
    }
  }
  ASSAY_RETURN_IF_ERROR(check_supported(fields, source));
  vocabulary.bos = control_id(vocabulary, fields.bos_piece);
  vocabulary.eos = control_id(vocabulary, fields.eos_piece);
  vocabulary.space_prefix = fields.add_dummy_prefix ? SpacePrefix::kAlways : SpacePrefix::kNone;
  vocabulary.collapse_spaces = fields.remove_extra_whitespaces;
  if (fields.model_type == kBpe) return AnyVocabulary(std::move(vocabulary));
  return AnyVocabulary(unigram_of(std::move(vocabulary), std::move(fields)));
}

}  // namespace assay
