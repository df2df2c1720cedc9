#include "model/jinja_arguments.h"

#include <algorithm>
#include <string>

namespace assay::jinja {

Result<Parameters> Parameters::bind(std::string_view callee, const Arguments& arguments,
                                    std::initializer_list<std::string_view> names,
                                    size_t required) {
  const std::string who = std::string(callee) + "() ";
  Parameters out;
  out.callee_ = callee;
  out.values_.resize(names.size());
  if (arguments.positional.size() > names.size()) {
    return template_error(who + "takes at most " + std::to_string(names.size()) + " arguments");
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    out.values_[i] = &arguments.positional[i];
  }
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      return template_error(who + "has no argument '" + std::string(name) + "'");
    }
    const Value*& slot = out.values_[static_cast<size_t>(found - names.begin())];
    if (slot != nullptr) {
      return template_error(who + "is given '" + std::string(name) + "' twice");
    }
    slot = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!out.has(i)) {
      return template_error(who + "wants the argument '" + std::string(names.begin()[i]) + "'");
    }
  }
  return out;
}

bool Parameters::truth(size_t place, bool otherwise) const {
  return has(place) ? is_true(*at(place)) : otherwise;
}

Result<int64_t> Parameters::integer(size_t place, int64_t otherwise) const {
  if (!has(place) || is_none(*at(place))) return otherwise;
  ASSAY_RETURN_IF_ERROR(check_defined(*at(place)));
  if (const auto integer = as_integer(*at(place))) return *integer;
  return template_error(std::string(callee_) + "() wants an integer, not " +
                        std::string(type_name(*at(place))));
}

Result<std::string_view> Parameters::text(size_t place, std::string_view otherwise) const {
  if (!has(place) || is_none(*at(place))) return otherwise;
  ASSAY_RETURN_IF_ERROR(check_defined(*at(place)));
  if (const auto* text = as_string(*at(place))) return *text;
  return template_error(std::string(callee_) + "() wants a string, not " +
                        std::string(type_name(*at(place))));
}

}  // namespace assay::jinja
