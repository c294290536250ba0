#include "http/transports.h"

#include <stdexcept>
#include <utility>

namespace fedlog::http {

Transports::Transports(std::optional<TlsFiles> files) : files_(std::move(files)) {
  if (const auto loaded = reload(); !loaded) throw std::runtime_error(loaded.error());
}

std::unique_ptr<Transport> Transports::make(FileDescriptor socket) const {
  std::shared_ptr<const TlsContext> tls;
  {
    const std::scoped_lock lock{mutex_};
    tls = tls_;
  }
  return tls ? tls->transport(std::move(socket)) : plain_transport(std::move(socket));
}

std::expected<void, std::string> Transports::reload() {
  if (!files_) return {};
  auto fresh = TlsContext::load(*files_);
  if (!fresh) return std::unexpected(fresh.error());
  const std::scoped_lock lock{mutex_};
  tls_ = std::move(*fresh);
  return {};
}

}  // namespace fedlog::http
