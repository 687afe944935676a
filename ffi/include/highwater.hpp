// Highwater in C++17: highwater.h with owners, exceptions and string views. Header only.
//
// Every class owns one handle and can be moved. `const` methods may be called by any number of
// threads at once, the others by one at a time, as in C. What C returns as a status other than
// `HIGHWATER_STATUS_OK` is thrown as `highwater::error`; no exception means that it was done.

#ifndef HIGHWATER_HPP
#define HIGHWATER_HPP

#include "highwater.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace highwater {

// Why a call was refused.
class error : public std::runtime_error {
public:
  // The last failure of this thread.
  explicit error(highwater_status status)
      : std::runtime_error(highwater_error_message()), status_(status), path_(highwater_error_path()) {}

  highwater_status status() const noexcept { return status_; }
  // The part of the input that is wrong; empty for the whole input.
  const std::string &path() const noexcept { return path_; }

private:
  highwater_status status_;
  std::string path_;
};

// Documents were refused, and nothing was published.
class documents_refused : public error {
public:
  explicit documents_refused(std::string report)
      : error(HIGHWATER_STATUS_DOCUMENTS_REFUSED), report_(std::move(report)) {}

  // What became of them, as JSON.
  const std::string &report() const noexcept { return report_; }

private:
  std::string report_;
};

// A security event token or a page was refused.
class signal_refused : public error {
public:
  explicit signal_refused(std::string report)
      : error(HIGHWATER_STATUS_SIGNAL_REFUSED), report_(std::move(report)) {}

  // The body of the answer to the transmitter, or what became of each input, as JSON.
  const std::string &report() const noexcept { return report_; }

private:
  std::string report_;
};

namespace detail {

inline void check(highwater_status status) {
  if (status != HIGHWATER_STATUS_OK) {
    throw error(status);
  }
}

template <typename T, void (*Free)(T *)> struct freeing {
  void operator()(T *handle) const noexcept { Free(handle); }
};

template <typename T, void (*Free)(T *)> using owner = std::unique_ptr<T, freeing<T, Free>>;

// A text of the library until it is copied.
class text {
public:
  text() = default;
  text(const text &) = delete;
  text &operator=(const text &) = delete;
  ~text() { highwater_text_free(&text_); }

  highwater_text *place() noexcept { return &text_; }
  std::string string() const {
    return text_.data == nullptr ? std::string() : std::string(text_.data, text_.length);
  }

private:
  highwater_text text_{};
};

inline const std::uint8_t *bytes(std::string_view data) noexcept {
  return reinterpret_cast<const std::uint8_t *>(data.data());
}

} // namespace detail

using time_point = std::chrono::system_clock::time_point;

// Milliseconds since 1970, as the library counts.
inline std::int64_t milliseconds(time_point time) noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

class engine;

// One verified token; see `engine::token`.
class token {
public:
  const highwater_token *get() const noexcept { return handle_.get(); }

  // What was read from the claims, as JSON.
  std::string facts() const {
    detail::text text;
    detail::check(highwater_token_facts(get(), text.place()));
    return text.string();
  }

private:
  friend class engine;
  explicit token(highwater_token *handle) noexcept : handle_(handle) {}
  detail::owner<highwater_token, highwater_token_free> handle_;
};

// The application id of a resource.
class resource {
public:
  explicit resource(std::string_view id) {
    highwater_resource *made = nullptr;
    detail::check(highwater_resource_new(id.data(), id.size(), &made));
    handle_.reset(made);
  }

  const highwater_resource *get() const noexcept { return handle_.get(); }

private:
  detail::owner<highwater_resource, highwater_resource_free> handle_;
};

// What is known of a device: a JSON object of its attributes.
class device {
public:
  explicit device(std::string_view attributes) {
    highwater_device *made = nullptr;
    detail::check(highwater_device_new(attributes.data(), attributes.size(), &made));
    handle_.reset(made);
  }

  const highwater_device *get() const noexcept { return handle_.get(); }

private:
  detail::owner<highwater_device, highwater_device_free> handle_;
};

// The circumstances of a request. Plain memory: what it points to must outlive it.
class request {
public:
  explicit request(time_point now = std::chrono::system_clock::now()) noexcept {
    highwater_request_init(&request_, milliseconds(now));
  }

  // The address of the client, as text.
  request &from(std::string_view address) {
    detail::check(highwater_request_set_address(&request_, address.data(), address.size()));
    return *this;
  }
  // The address of the client, as `accept` gives it.
  request &from(const void *socket_address, std::size_t length) {
    detail::check(highwater_request_set_sockaddr(&request_, socket_address, length));
    return *this;
  }
  request &to(const resource &resource) noexcept {
    request_.resource = resource.get();
    return *this;
  }
  request &on(const device &device) noexcept {
    request_.device = device.get();
    return *this;
  }
  // The authentication context that the operation needs; the text must outlive the request.
  request &needing(std::string_view context) noexcept {
    request_.authentication_context = context.data();
    request_.authentication_context_length = context.size();
    return *this;
  }

  // Everything else is set here.
  highwater_request &raw() noexcept { return request_; }
  const highwater_request &raw() const noexcept { return request_; }

private:
  highwater_request request_;
};

// One decision; denies until an engine says otherwise.
class decision {
public:
  decision() noexcept { highwater_decision_init(&decision_); }

  // Whether to serve the request.
  bool allowed() const noexcept { return decision_.outcome == HIGHWATER_OUTCOME_ALLOW; }
  explicit operator bool() const noexcept { return allowed(); }
  // Whether to answer with the claims challenge.
  bool challenged() const noexcept { return decision_.outcome == HIGHWATER_OUTCOME_CHALLENGE; }
  // The HTTP status to answer with.
  int status() const noexcept { return decision_.status; }
  bool uncovered() const noexcept { return decision_.uncovered != 0; }
  bool degraded() const noexcept { return decision_.degraded != 0; }
  bool has(highwater_reason reason) const noexcept { return (decision_.reasons >> reason & 1U) != 0; }

  // The published codes of the reasons, the strongest first.
  std::vector<std::string_view> reasons() const {
    std::vector<std::string_view> codes;
    for (std::uint32_t reason = 0; reason < 32; ++reason) {
      const char *code = highwater_reason_name(reason);
      if ((decision_.reasons >> reason & 1U) != 0 && code != nullptr) {
        codes.emplace_back(code);
      }
    }
    return codes;
  }

  // The value of `WWW-Authenticate`, if one goes with the decision. `token` and `request` are
  // those that were decided.
  std::optional<std::string> header(const highwater::token &token, const highwater::request &request) const {
    std::string value(2048, '\0');
    std::size_t length = 0;
    highwater_status status = write(token, request, value, length);
    if (status == HIGHWATER_STATUS_BUFFER_TOO_SMALL) {
      value.resize(length + 1);
      status = write(token, request, value, length);
    }
    detail::check(status);
    if (length == 0) {
      return std::nullopt;
    }
    value.resize(length);
    return value;
  }

  highwater_decision &raw() noexcept { return decision_; }
  const highwater_decision &raw() const noexcept { return decision_; }

private:
  highwater_status write(const highwater::token &token, const highwater::request &request, std::string &value,
                         std::size_t &length) const {
    return highwater_decision_header(&decision_, token.get(), &request.raw(), value.data(), value.size(), &length);
  }

  highwater_decision decision_;
};

// The documents of one tenant.
class documents {
public:
  explicit documents(std::uint32_t flags = 0) {
    highwater_documents *made = nullptr;
    detail::check(highwater_documents_new(flags, &made));
    handle_.reset(made);
  }

  documents &add(highwater_document_kind kind, std::string_view name, std::string_view data) {
    detail::check(highwater_documents_add(handle_.get(), kind, name.data(), name.size(), detail::bytes(data),
                                          data.size()));
    return *this;
  }
  documents &add_path(highwater_document_kind kind, std::string_view path) {
    detail::check(highwater_documents_add_path(handle_.get(), kind, path.data(), path.size()));
    return *this;
  }
  // What becomes of them, as JSON. Throws `documents_refused` if they cannot be published.
  std::string check() const {
    detail::text report;
    const highwater_status status = highwater_documents_check(get(), report.place());
    if (status == HIGHWATER_STATUS_DOCUMENTS_REFUSED) {
      throw documents_refused(report.string());
    }
    detail::check(status);
    return report.string();
  }

  const highwater_documents *get() const noexcept { return handle_.get(); }

private:
  detail::owner<highwater_documents, highwater_documents_free> handle_;
};

// What was published.
struct publication {
  std::uint64_t version;
  // What became of the documents, as JSON.
  std::string report;
};

// A continuous access evaluation engine.
class engine {
public:
  // In memory. `options` is JSON, as in `highwater_engine_new`.
  explicit engine(std::string_view options = {}) {
    highwater_engine *made = nullptr;
    detail::check(highwater_engine_new(options.data(), options.size(), &made));
    handle_.reset(made);
  }
  // Over a file.
  static engine open(std::string_view path, std::string_view options = {}) {
    highwater_engine *made = nullptr;
    detail::check(highwater_engine_open(path.data(), path.size(), options.data(), options.size(), &made));
    return engine(made);
  }

  // Throws `documents_refused` and keeps the former snapshot if something is refused.
  publication publish(std::string_view tenant, const documents &documents, std::string_view settings = {}) const {
    detail::text report;
    std::uint64_t version = 0;
    const highwater_status status =
        highwater_engine_publish(get(), tenant.data(), tenant.size(), documents.get(), settings.data(),
                                 settings.size(), report.place(), &version);
    if (status == HIGHWATER_STATUS_DOCUMENTS_REFUSED) {
      throw documents_refused(report.string());
    }
    detail::check(status);
    return {version, report.string()};
  }
  // Whether there was something to remove.
  bool remove(std::string_view tenant) const {
    std::uint8_t removed = 0;
    detail::check(highwater_engine_remove(get(), tenant.data(), tenant.size(), &removed));
    return removed != 0;
  }
  // The policies of the present snapshot, as JSON.
  std::string policies(std::string_view tenant) const {
    detail::text text;
    detail::check(highwater_engine_policies(get(), tenant.data(), tenant.size(), text.place()));
    return text.string();
  }

  // By calling this the host asserts that it has verified the token that the claims are from.
  highwater::token token(std::string_view claims) const {
    highwater_token *made = nullptr;
    detail::check(highwater_token_new(get(), claims.data(), claims.size(), &made));
    return highwater::token(made);
  }
  // The token with what is published now; nothing if it knows that already.
  std::optional<highwater::token> renew(const highwater::token &token) const {
    highwater_token *made = nullptr;
    detail::check(highwater_token_renew(token.get(), get(), &made));
    return made == nullptr ? std::nullopt : std::optional(highwater::token(made));
  }

  decision decide(const highwater::token &token, const request &request) const {
    decision decided;
    detail::check(highwater_engine_decide(get(), token.get(), &request.raw(), &decided.raw()));
    return decided;
  }
  // Decides into `decisions`, all of which deny if this throws.
  void decide(const highwater_token *const *tokens, const highwater_request *requests,
              highwater_decision *decisions, std::size_t count) const {
    detail::check(highwater_engine_decide_batch(get(), tokens, requests, decisions, count));
  }
  // A request in JSON, answered in JSON.
  std::string answer(std::string_view request) const {
    detail::text text;
    detail::check(highwater_engine_answer(get(), request.data(), request.size(), text.place()));
    return text.string();
  }
  // Why, in JSON; remembers nothing.
  std::string explain(const highwater::token &token, const request &request) const {
    detail::text text;
    detail::check(highwater_engine_explain(get(), token.get(), &request.raw(), text.place()));
    return text.string();
  }

  // In force and durable when this returns. How many registers changed.
  std::size_t apply(std::string_view events) const {
    std::size_t changed = 0;
    detail::check(highwater_engine_apply(get(), events.data(), events.size(), &changed));
    return changed;
  }
  // A signed security event token. Throws `signal_refused`, or an `error` with the status
  // `HIGHWATER_STATUS_UNKNOWN_KEY` whose path is the transmitter whose keys are to be fetched.
  std::string receive(std::string_view token, time_point now = std::chrono::system_clock::now()) const {
    detail::text report;
    taken(highwater_engine_receive(get(), token.data(), token.size(), milliseconds(now), report.place()), report);
    return report.string();
  }
  // Claims without a signature, on the word of the host.
  std::string receive_trusted(std::string_view claims, time_point now = std::chrono::system_clock::now()) const {
    detail::text report;
    taken(highwater_engine_receive_trusted(get(), claims.data(), claims.size(), milliseconds(now), report.place()),
          report);
    return report.string();
  }
  // Whatever a directory or transmitter wrote.
  std::string ingest(std::string_view expectation, std::string_view name, std::string_view data,
                     time_point now = std::chrono::system_clock::now()) const {
    detail::text report;
    taken(highwater_engine_ingest(get(), expectation.data(), expectation.size(), name.data(), name.size(),
                                  detail::bytes(data), data.size(), milliseconds(now), report.place()),
          report);
    return report.string();
  }
  // The keys of a transmitter; none if they could not be fetched.
  void set_keys(std::string_view transmitter, std::string_view keys,
                time_point now = std::chrono::system_clock::now()) const {
    detail::check(highwater_engine_set_keys(get(), transmitter.data(), transmitter.size(), keys.data(), keys.size(),
                                            milliseconds(now)));
  }
  // The transmitters whose keys are due for a fetch, as a JSON array.
  std::string due_keys(time_point now = std::chrono::system_clock::now()) const {
    detail::text text;
    detail::check(highwater_engine_due_keys(get(), milliseconds(now), text.place()));
    return text.string();
  }

  void watch_stream(std::string_view source, std::chrono::seconds stale_after,
                    time_point now = std::chrono::system_clock::now()) const {
    detail::check(highwater_engine_watch_stream(get(), source.data(), source.size(), stale_after.count(),
                                                milliseconds(now)));
  }
  void observe_stream(std::string_view source, time_point heard = std::chrono::system_clock::now()) const {
    detail::check(highwater_engine_observe_stream(get(), source.data(), source.size(), milliseconds(heard)));
  }
  // How many registers went.
  std::size_t forget_expired(time_point now = std::chrono::system_clock::now()) const {
    std::size_t forgotten = 0;
    detail::check(highwater_engine_forget_expired(get(), milliseconds(now), &forgotten));
    return forgotten;
  }
  // How the engine is, as JSON.
  std::string status(time_point now = std::chrono::system_clock::now()) const {
    detail::text text;
    detail::check(highwater_engine_status(get(), milliseconds(now), text.place()));
    return text.string();
  }
  void reopen() const { detail::check(highwater_engine_reopen(get())); }

  const highwater_engine *get() const noexcept { return handle_.get(); }

private:
  explicit engine(highwater_engine *handle) noexcept : handle_(handle) {}

  static void taken(highwater_status status, const detail::text &report) {
    if (status == HIGHWATER_STATUS_SIGNAL_REFUSED) {
      throw signal_refused(report.string());
    }
    detail::check(status);
  }

  detail::owner<highwater_engine, highwater_engine_free> handle_;
};

// One collection of Microsoft Graph, read page by page.
class feed {
public:
  explicit feed(std::string_view options) {
    highwater_feed *made = nullptr;
    detail::check(highwater_feed_new(options.data(), options.size(), &made));
    handle_.reset(made);
  }

  // What to do next, as JSON.
  std::string next(time_point now = std::chrono::system_clock::now()) const {
    detail::text text;
    detail::check(highwater_feed_next(handle_.get(), milliseconds(now), text.place()));
    return text.string();
  }
  // What a response changed, as JSON.
  std::string respond(const engine &engine, std::uint16_t http_status, std::string_view data,
                      std::optional<std::chrono::seconds> retry_after = std::nullopt,
                      time_point now = std::chrono::system_clock::now()) {
    detail::text text;
    detail::check(highwater_feed_respond(handle_.get(), engine.get(), http_status,
                                         retry_after.value_or(std::chrono::seconds(-1)).count(), detail::bytes(data),
                                         data.size(), milliseconds(now), text.place()));
    return text.string();
  }
  // No response came.
  void lost(time_point now = std::chrono::system_clock::now()) {
    detail::check(highwater_feed_lost(handle_.get(), milliseconds(now)));
  }
  // What it remembers, for a later feed.
  std::string state() const {
    detail::text text;
    detail::check(highwater_feed_state(handle_.get(), text.place()));
    return text.string();
  }

private:
  detail::owner<highwater_feed, highwater_feed_free> handle_;
};

} // namespace highwater

#endif // HIGHWATER_HPP
