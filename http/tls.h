#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "http/transport.h"

namespace fedlog::http {

// PEM files: the server's certificate, followed by those between it and the authority, and its private key.
struct TlsFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

// A server's side of TLS 1.2 and 1.3. Immutable; any thread.
class TlsContext {
 public:
  // The error names the setting that is wrong, the file, and what to do.
  [[nodiscard]] static std::expected<std::shared_ptr<const TlsContext>, std::string> load(
      const TlsFiles& files);

  // Outlives this context if need be: whoever is connected stays so after another one was loaded.
  [[nodiscard]] std::unique_ptr<Transport> transport(FileDescriptor socket) const;

  class Implementation;
  explicit TlsContext(std::unique_ptr<Implementation> implementation);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

 private:
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace fedlog::http
