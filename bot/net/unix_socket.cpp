#include "bot/net/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <optional>
#include <stdexcept>

#include "bot/net/io_impl.hpp"

namespace net {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::size_t kReadBytes = 64u << 10;
constexpr int kAcceptPauseMs = 100;  // when the system has no descriptor left

// Asio throws for a path that doesn't fit.
std::optional<stream_protocol::endpoint> endpoint_of(std::string const& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) return std::nullopt;
  return stream_protocol::endpoint{path};
}

class Channel : public std::enable_shared_from_this<Channel> {
 public:
  Channel(Io& io, LineHandler handler)
      : io_(io),
        socket_(detail::context_of(io)),
        handler_(std::make_shared<LineHandler>(std::move(handler))),
        buffer_(kReadBytes) {}

  void connect(std::string const& path, Duration timeout) {
    auto const endpoint = endpoint_of(path);
    if (!endpoint) return end(make_error(Errc::connect_failed, "The socket path " + path + " is empty or too long."));
    timer_ = io_.call_after(timeout, [self = shared_from_this(), path] {
      self->end(make_error(Errc::timed_out, "The socket " + path + " accepted no connection in time."));
    });
    socket_.async_connect(*endpoint, [self = shared_from_this(), path](error_code error) {
      if (self->ended_) return;
      if (error)
        return self->end(make_error(Errc::connect_failed, "Can't connect to " + path + ": " + error.message() + "."));
      self->opened();
    });
  }

  void adopt(int fd) {
    error_code error;
    socket_.assign(stream_protocol{}, fd, error);
    if (error) {
      ::close(fd);
      return end(make_error(Errc::io, "The descriptor is no local stream socket: " + error.message() + "."));
    }
    io_.post([self = shared_from_this()] {
      if (!self->ended_) self->opened();
    });
  }

  void send(std::string_view line) {
    if (line.size() > kMaxLineBytes) throw std::invalid_argument("A line is longer than 1 MiB.");
    if (line.find('\n') != line.npos) throw std::invalid_argument("A line holds a newline.");
    if (ended_) return;
    if (outbox_.size() + line.size() + 1 > kMaxLineOutboxBytes)
      return end(make_error(Errc::outbox_full, "The peer of the local socket reads too slowly: the outbox is full."));
    outbox_ += line;
    outbox_ += '\n';
    write_next();
  }

  void abandon() {
    abandoned_ = true;
    end({});
    handler_ = std::make_shared<LineHandler>();
  }

  std::size_t waiting() const { return writing_ + outbox_.size(); }

  bool is_open() const { return open_; }

  Result<PeerCredentials> peer() {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (!open_ || ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
      return make_error(Errc::io, "The peer of the local socket is unknown.");
    return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
  }

 private:
  void opened() {
    io_.cancel(timer_);
    open_ = true;
    auto const handler = handler_;
    if (handler->on_open) handler->on_open();
    if (ended_) return;
    write_next();
    read_next();
  }

  void read_next() {
    socket_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](error_code error, std::size_t count) {
      if (self->ended_) return;
      if (error) return self->end(make_error(Errc::closed, "The peer closed the local socket."));
      self->have_read({self->buffer_.data(), count});
      if (!self->ended_) self->read_next();
    });
  }

  void have_read(std::string_view bytes) {
    while (!bytes.empty()) {
      auto const newline = bytes.find('\n');
      if (line_.size() + std::min(newline, bytes.size()) > kMaxLineBytes)
        return end(make_error(Errc::too_large, "The peer of the local socket sent a line of more than 1 MiB."));
      line_.append(bytes.substr(0, newline));
      if (newline == bytes.npos) return;
      bytes.remove_prefix(newline + 1);
      auto const handler = handler_;
      if (handler->on_line) handler->on_line(std::exchange(line_, {}));
      line_.clear();
      if (ended_) return;
    }
  }

  void write_next() {
    if (!open_ || writing_ > 0 || outbox_.empty()) return;
    writing_ = outbox_.size();
    auto chunk = std::make_shared<std::string>(std::exchange(outbox_, {}));
    auto const buffer = asio::buffer(*chunk);
    asio::async_write(socket_, buffer, [self = shared_from_this(), chunk](error_code error, std::size_t) {
      self->writing_ = 0;
      if (self->ended_) return;
      // What the peer sent before it went away is still to be read; the read then says that it has gone.
      if (!error) self->write_next();
    });
  }

  void end(NetError why) {
    if (ended_) return;
    ended_ = true;
    open_ = false;
    outbox_.clear();
    io_.cancel(timer_);
    error_code ignored;
    socket_.close(ignored);
    if (abandoned_) return;
    io_.post([self = shared_from_this(), why = std::move(why)]() mutable {
      if (self->abandoned_) return;
      auto const handler = self->handler_;
      if (handler->on_close) handler->on_close(std::move(why));
    });
  }

  Io& io_;
  stream_protocol::socket socket_;
  std::shared_ptr<LineHandler> handler_;
  std::vector<char> buffer_;
  std::string line_{}, outbox_{};
  Io::TimerId timer_ = 0;
  std::size_t writing_ = 0;  // bytes of the chunk that is being written
  bool open_ = false, ended_ = false, abandoned_ = false;
};

class Handle final : public LineChannel {
 public:
  explicit Handle(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
  ~Handle() override { channel_->abandon(); }
  Handle(Handle const&) = delete;
  Handle& operator=(Handle const&) = delete;

  void send(std::string_view line) override { channel_->send(line); }
  std::size_t waiting() const override { return channel_->waiting(); }
  bool is_open() const override { return channel_->is_open(); }
  Result<PeerCredentials> peer() const override { return channel_->peer(); }

 private:
  std::shared_ptr<Channel> channel_;
};

class Listener final : public UnixListener {
 public:
  struct Shared : std::enable_shared_from_this<Shared> {
    Shared(Io& loop, std::function<void(int)> call)
        : io(loop), acceptor(detail::context_of(loop)), on_accept(std::move(call)) {}

    void accept_next() {
      acceptor.async_accept([self = shared_from_this()](error_code error, stream_protocol::socket socket) {
        if (!self->acceptor.is_open()) return;
        if (error) {
          self->pause = self->io.call_after(Duration{kAcceptPauseMs}, [self] { self->accept_next(); });
          return;
        }
        error_code failed;
        int const fd = socket.release(failed);
        self->accept_next();
        if (!failed) self->on_accept(fd);
      });
    }

    Io& io;
    stream_protocol::acceptor acceptor;
    std::function<void(int)> on_accept;
    Io::TimerId pause = 0;
  };

  Listener(std::shared_ptr<Shared> shared, std::string path) : shared_(std::move(shared)), path_(std::move(path)) {}
  ~Listener() override {
    error_code ignored;
    shared_->io.cancel(shared_->pause);
    shared_->acceptor.close(ignored);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Listener(Listener const&) = delete;
  Listener& operator=(Listener const&) = delete;

 private:
  std::shared_ptr<Shared> shared_;
  std::string path_;
};

// A socket file that nobody listens on any more refuses connections.
bool is_dead_socket(std::string const& path, sockaddr_un const& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  int const probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  sockaddr_storage generic{};
  static_assert(sizeof generic >= sizeof address);
  std::copy_n(reinterpret_cast<char const*>(&address), sizeof address, reinterpret_cast<char*>(&generic));
  bool const dead =
      ::connect(probe, reinterpret_cast<sockaddr const*>(&generic), sizeof address) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return dead;
}

}  // namespace

std::unique_ptr<LineChannel> connect_unix(Io& io, std::string const& path, Duration timeout, LineHandler handler) {
  auto channel = std::make_shared<Channel>(io, std::move(handler));
  channel->connect(path, timeout);
  return std::make_unique<Handle>(std::move(channel));
}

std::unique_ptr<LineChannel> adopt_unix(Io& io, int fd, LineHandler handler) {
  auto channel = std::make_shared<Channel>(io, std::move(handler));
  channel->adopt(fd);
  return std::make_unique<Handle>(std::move(channel));
}

Result<std::unique_ptr<UnixListener>> listen_unix(Io& io, std::string const& path, mode_t mode,
                                                  std::function<void(int fd)> on_accept) {
  auto const endpoint = endpoint_of(path);
  auto const failed = [&](std::string const& why) {
    return make_error(Errc::io, "Can't listen on the socket " + path + ": " + why + ".");
  };
  if (!endpoint) return failed("its path is empty or too long");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (is_dead_socket(path, address)) ::unlink(path.c_str());

  auto shared = std::make_shared<Listener::Shared>(io, std::move(on_accept));
  error_code error;
  shared->acceptor.open(stream_protocol{}, error);
  if (!error) {
    // The mode must hold from the first instant: bind creates the file with what umask leaves.
    mode_t const before = ::umask(static_cast<mode_t>(~mode & 0777));
    shared->acceptor.bind(*endpoint, error);
    ::umask(before);
  }
  if (error) return failed(error.message());
  shared->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return failed(error.message());
  shared->accept_next();
  return std::unique_ptr<UnixListener>{std::make_unique<Listener>(std::move(shared), path)};
}

Result<std::unique_ptr<UnixListener>> adopt_listener(Io& io, int fd, std::function<void(int fd)> on_accept) {
  auto const failed = [&](std::string const& why) {
    ::close(fd);
    return make_error(Errc::io, "The descriptor that was handed over can't be listened on: " + why + ".");
  };
  int listens = 0;
  socklen_t size = sizeof listens;
  sockaddr_storage address{};
  socklen_t address_size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &address_size) != 0 || address.ss_family != AF_UNIX ||
      ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0)
    return failed("it is no local socket that listens");
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  // Of a listening socket: who called listen(2), which is what its peers will be told (unix(7)).
  ucred listener{};
  size = sizeof listener;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0) return failed("its owner is unknown");
  if (listener.uid != ::geteuid()) {
    if (::listen(fd, SOMAXCONN) != 0) return failed("listen failed");
    for (int early = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC); early >= 0;
         early = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC))
      ::close(early);
  }
  auto shared = std::make_shared<Listener::Shared>(io, std::move(on_accept));
  error_code error;
  shared->acceptor.assign(stream_protocol{}, fd, error);
  if (error) return failed(error.message());
  shared->accept_next();
  return std::unique_ptr<UnixListener>{std::make_unique<Listener>(std::move(shared), std::string())};
}

}  // namespace net
