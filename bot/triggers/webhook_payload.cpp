#include "bot/triggers/webhook_payload.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace triggers {
namespace {

using core::Errc;
using core::Json;

constexpr std::size_t kMaxText = 16u << 10;  // of an item's evidence
constexpr std::size_t kMaxLine = 4096;       // of its lines
constexpr std::size_t kMaxRedacted = 16 * kMaxText;
constexpr std::size_t kMaxTitle = 200, kMaxValue = 4096, kMaxName = 512;

core::Error bad(std::string why) { return core::make_error(Errc::bad_input, std::move(why)); }

// One long value is not to take the place of all others.
std::string cut(std::string_view text, std::size_t whole) {
  std::string kept;
  for (std::size_t at = 0; at < text.size() && kept.size() <= kMaxText;) {
    auto const end = std::min(text.find('\n', at), text.size());
    auto const line = text.substr(at, end - at);
    kept += core::utf8_prefix(line, kMaxLine);
    if (line.size() > kMaxLine) kept += "…";
    if (end < text.size()) kept += '\n';
    at = end + 1;
  }
  if (kept.size() <= kMaxText && whole <= kMaxRedacted) return kept;
  return std::string(core::utf8_prefix(kept, kMaxText)) + "\n… cut: it has " + std::to_string(whole) + " bytes\n";
}

void add_members(std::string& text, char const* heading, Json const& members) {
  auto const* object = members.if_object();
  if (!object || object->empty()) return;
  text += std::string(heading) + "\n";
  for (auto const& [name, value] : *object) {
    text += "  " + name + ": " + core::scalar_text(value) + "\n";
  }
}

std::map<std::string, std::string> labels_of(std::map<std::string, core::JsonPointer> const& pointers,
                                             Json const& document) {
  std::map<std::string, std::string> labels;
  for (auto const& [name, pointer] : pointers) {
    auto value = core::scalar_text(pointer.in(document));
    if (!value.empty() && value.size() <= kMaxValue) labels.emplace(name, std::move(value));
  }
  return labels;
}

core::Result<WebhookItem> alert_item(WebhookForm const& form, Json const& alert, std::string const& group) {
  if (!alert.if_object()) return bad("Each of \"alerts\" must be an object.");
  WebhookItem item;
  auto const status = alert["status"].text();
  if (status != "firing" && status != "resolved") return bad("Each alert's \"status\" must be firing or resolved.");
  item.status = status == "firing" ? WebhookItem::Status::firing : WebhookItem::Status::resolved;
  auto const starts = alert["startsAt"].text();
  item.instance = alert["fingerprint"].text();
  if (item.instance.empty() || item.instance.size() > 128 || starts.empty() || starts.size() > 128)
    return bad("Each alert must have \"fingerprint\" and \"startsAt\": this is Alertmanager's payload, version 4.");
  auto const name = alert["labels"]["alertname"].text();
  auto summary = alert["annotations"]["summary"].text();
  if (summary.empty()) summary = alert["annotations"]["description"].text();
  item.title = (name.empty() ? "an alert" : name) + (summary.empty() ? "" : ": " + summary);
  item.labels = labels_of(form.labels, alert);
  for (auto const* usual : {"alertname", "severity"}) {
    auto const value = alert["labels"][usual].text();
    if (!value.empty() && value.size() <= kMaxValue) item.labels.emplace(usual, value);
  }
  std::string text = "status: " + status + "\nsince: " + starts + "\n";
  add_members(text, "labels:", alert["labels"]);
  add_members(text, "annotations:", alert["annotations"]);
  if (auto const source = alert["generatorURL"].text(); !source.empty()) text += "source: " + source + "\n";
  item.text = std::move(text);
  // Each part with its length, so that none can pose as another.
  for (std::string const* part : std::initializer_list<std::string const*>{&group, &item.instance, &starts, &status})
    item.once += std::to_string(part->size()) + ":" + *part + ";";
  item.once = core::sha256_hex(item.once);
  return item;
}

core::Result<std::vector<WebhookItem>> alertmanager_items(WebhookForm const& form, Json const& document) {
  if (document["version"].text() != "4") return bad("\"version\" must be \"4\": this is Alertmanager's payload.");
  auto const* alerts = document["alerts"].if_array();
  auto const group = document["groupKey"].text();
  if (!alerts || group.empty() || group.size() > 64 * kMaxName)
    return bad("\"groupKey\" and the list \"alerts\" must be there: this is Alertmanager's payload, version 4.");
  if (alerts->size() > kMaxAlerts)
    return core::make_error(Errc::too_large, "One delivery takes at most 1000 alerts; set max_alerts in Alertmanager.");
  std::vector<WebhookItem> items;
  for (auto const& alert : *alerts) {
    auto item = alert_item(form, alert, group);
    if (!item) return item.error();
    items.push_back(std::move(*item));
  }
  return items;
}

core::Result<std::vector<WebhookItem>> json_items(WebhookForm const& form, Json const& document,
                                                  std::string_view delivery_header) {
  WebhookItem item;
  if (form.status) {
    auto const value = core::scalar_text(form.status->in(document));
    if (value.empty()) return bad("Nothing stands at " + form.status->text() + ", where the status should be.");
    item.status = form.firing.contains(value)     ? WebhookItem::Status::firing
                  : form.resolved.contains(value) ? WebhookItem::Status::resolved
                                                  : WebhookItem::Status::neither;
  }
  if (form.title) item.title = core::scalar_text(form.title->in(document));
  item.labels = labels_of(form.labels, document);
  item.text = core::dump_pretty(document);
  std::string delivery(delivery_header);
  if (form.delivery) {
    delivery = core::scalar_text(form.delivery->in(document));
    if (delivery.empty())
      return bad("Nothing stands at " + form.delivery->text() + ", where the delivery's id should be.");
  }
  if (delivery.size() > kMaxName) return bad("The delivery's id has more than 512 bytes.");
  if (!delivery.empty()) item.once = core::sha256_hex(delivery);
  return std::vector{std::move(item)};
}

}  // namespace

core::Result<std::vector<WebhookItem>> parse_webhook(WebhookForm const& form, std::string_view body,
                                                     std::string_view delivery_header) {
  auto const document = core::parse_json(body, {.max_bytes = kMaxWebhookBody});
  if (!document) return document.error();
  if (!document->if_object() && !document->if_array()) return bad("The body must be a JSON object or list.");
  return form.kind == WebhookForm::Kind::alertmanager ? alertmanager_items(form, *document)
                                                      : json_items(form, *document, delivery_header);
}

void redact_and_cut(WebhookItem& item, ports::Redactor const& redactor) {
  item.title = std::string(core::utf8_prefix(item.title, kMaxText));
  redactor.redact(item.title);
  item.title = core::one_line(item.title, kMaxTitle);
  auto const whole = item.text.size();
  bool const long_one = whole > kMaxRedacted;
  if (long_one) item.text = std::string(core::utf8_prefix(item.text, kMaxRedacted));
  redactor.redact(item.text);
  // Its end may be half of a secret; none is longer than that.
  if (long_one) item.text.resize(item.text.size() - std::min(item.text.size(), kMaxLine));
  item.text = cut(item.text, whole);
}

}  // namespace triggers
