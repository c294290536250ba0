#include "ml/worker_channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace fedlog::ml {
namespace {

constexpr std::uint32_t frame_magic = 0x31574C46;  // "FLW1"

struct FrameHeader {
  std::uint32_t magic = frame_magic;
  std::uint32_t size_bytes = 0;
};

// Room for as many descriptors as a request has models.
union ControlBuffer {
  cmsghdr aligned;
  std::array<char, CMSG_SPACE(sizeof(int) * models_per_request_limit)> bytes;
};

std::expected<void, ChannelError> wait_for(int socket, short events, Deadline deadline) {
  while (true) {
    int timeout_ms = -1;
    if (deadline) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return std::unexpected(ChannelError::deadline);
      timeout_ms = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    }
    pollfd entry{.fd = socket, .events = events, .revents = 0};
    const int ready = ::poll(&entry, 1, timeout_ms);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return std::unexpected(ChannelError::failed);
  }
}

std::expected<void, ChannelError> send_all(int socket, std::span<const std::byte> bytes,
                                           std::span<const int> descriptors, Deadline deadline) {
  while (!bytes.empty()) {
    iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ControlBuffer control{};
    if (!descriptors.empty()) {
      message.msg_control = control.bytes.data();
      message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
      std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    const auto sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      descriptors = {};
    } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (auto waited = wait_for(socket, POLLOUT, deadline); !waited) return waited;
    } else if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
      return std::unexpected(ChannelError::closed);
    } else if (sent < 0 && errno != EINTR) {
      return std::unexpected(ChannelError::failed);
    }
  }
  return {};
}

void take_descriptors(msghdr& message, std::vector<OwnedDescriptor>& descriptors) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; ++index) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof(int));
      descriptors.emplace_back(descriptor);
    }
  }
}

std::expected<void, ChannelError> receive_all(int socket, std::span<std::byte> bytes, Deadline deadline,
                                              std::vector<OwnedDescriptor>* descriptors) {
  while (!bytes.empty()) {
    if (auto waited = wait_for(socket, POLLIN, deadline); !waited) return waited;
    iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ControlBuffer control{};
    if (descriptors != nullptr) {
      message.msg_control = control.bytes.data();
      message.msg_controllen = control.bytes.size();
    }
    const auto received = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) {
      if (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK) continue;
      return std::unexpected(errno == ECONNRESET ? ChannelError::closed : ChannelError::failed);
    }
    if (descriptors != nullptr) {
      take_descriptors(message, *descriptors);
      if ((message.msg_flags & MSG_CTRUNC) != 0) return std::unexpected(ChannelError::malformed);
    }
    if (received == 0) return std::unexpected(ChannelError::closed);
    bytes = bytes.subspan(static_cast<std::size_t>(received));
  }
  return {};
}

}  // namespace

std::expected<void, ChannelError> send_frame(int socket, std::span<const std::byte> frame,
                                             std::span<const int> descriptors, Deadline deadline) {
  if (frame.size() > frame_limit_bytes || descriptors.size() > models_per_request_limit) {
    return std::unexpected(ChannelError::malformed);
  }
  const FrameHeader header{.magic = frame_magic, .size_bytes = static_cast<std::uint32_t>(frame.size())};
  auto sent = send_all(socket, std::as_bytes(std::span(&header, 1)), descriptors, deadline);
  if (sent) sent = send_all(socket, frame, {}, deadline);
  return sent;
}

std::expected<Frame, ChannelError> receive_frame(int socket, Deadline deadline,
                                                 std::vector<OwnedDescriptor>* descriptors) {
  FrameHeader header;
  auto received = receive_all(socket, std::as_writable_bytes(std::span(&header, 1)), deadline, descriptors);
  if (!received) return std::unexpected(received.error());
  if (header.magic != frame_magic || header.size_bytes > frame_limit_bytes) {
    return std::unexpected(ChannelError::malformed);
  }
  Frame frame(header.size_bytes);
  received = receive_all(socket, frame, deadline, descriptors);
  if (!received) return std::unexpected(received.error());
  return frame;
}

std::optional<SharedMemory> SharedMemory::create(std::size_t size_bytes) {
  OwnedDescriptor descriptor(::memfd_create("fedlog-tensors", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!descriptor.valid() || ::ftruncate(descriptor.get(), static_cast<off_t>(size_bytes)) != 0)
    return std::nullopt;
  // Without the seals the other process could shorten the area, and reading it here would be fatal.
  if (::fcntl(descriptor.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return std::nullopt;
  return adopt(std::move(descriptor));
}

std::optional<SharedMemory> SharedMemory::adopt(OwnedDescriptor descriptor) {
  const auto size = ::lseek(descriptor.get(), 0, SEEK_END);
  if (size <= 0) return std::nullopt;
  void* start = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED,
                       descriptor.get(), 0);
  if (start == MAP_FAILED) return std::nullopt;
  return SharedMemory(std::move(descriptor),
                      {static_cast<std::byte*>(start), static_cast<std::size_t>(size)});
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : descriptor_(std::move(other.descriptor_)), bytes_(std::exchange(other.bytes_, {})) {}

SharedMemory::~SharedMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

void SharedMemory::clear() {
  ::madvise(bytes_.data(), bytes_.size(), MADV_REMOVE);
}

}  // namespace fedlog::ml
