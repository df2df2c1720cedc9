#include "app/signing_key.h"

#include <filesystem>
#include <system_error>

#include "base/file.h"

namespace assay {
namespace {

std::string absolute_path(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

// Creates the folder for keys, readable by its owner only.
Status make_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const bool created = std::filesystem::create_directories(folder, error);
  if (!error && created) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  return error ? errno_status(error.value(), "create the folder", folder.string()) : ok_status();
}

}  // namespace

Result<std::string> default_signing_key_path(const Environment& environment) {
  std::string config = absolute_path(environment, "XDG_CONFIG_HOME");
  if (config.empty()) {
    config = absolute_path(environment, "HOME");
    if (config.empty()) {
      return failed_precondition(
          "there is no home folder to keep a signing key in (HOME is not set): make a key with "
          "`assay keygen FILE` and name it with --signing-key FILE");
    }
    config += "/.config";
  }
  return config + "/assay/signing.key";
}

Result<OpenedKey> open_signing_key(const std::string& path, const Environment& environment) {
  if (!path.empty()) {
    auto key = SigningKey::load(path);
    if (key.ok()) return OpenedKey{std::move(key).value(), path, false};
    if (key.status().code() != Code::kNotFound) return key.status();
    return not_found(key.status().message() + "; make one with `assay keygen " + path + "`");
  }
  ASSAY_ASSIGN_OR_RETURN(const std::string own, default_signing_key_path(environment));
  if (path_exists(own)) {
    ASSAY_ASSIGN_OR_RETURN(SigningKey key, SigningKey::load(own));
    return OpenedKey{std::move(key), own, false};
  }
  ASSAY_RETURN_IF_ERROR(make_private_folder(std::filesystem::path(own).parent_path()));
  SigningKey key = SigningKey::generate();
  ASSAY_RETURN_IF_ERROR(key.save(own));
  return OpenedKey{std::move(key), own, true};
}

}  // namespace assay
