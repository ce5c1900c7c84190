// Whatever a webhook's body holds: no crash, and what is read of it keeps its promises. The first byte chooses the
// form.
#include <cstdint>
#include <cstdlib>

#include "bot/core/text.hpp"
#include "bot/triggers/occurrences.hpp"
#include "bot/triggers/webhook_payload.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct NoRedactor final : ports::Redactor {
  std::uint32_t redact(std::string&) const override { return 0; }
};

core::JsonPointer at(char const* pointer) { return core::JsonPointer::parse(pointer).value(); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using triggers::WebhookForm, triggers::WebhookItem;
  if (size == 0) return 0;
  std::string_view const body(reinterpret_cast<char const*>(data) + 1, size - 1);
  WebhookForm form;
  form.kind = data[0] % 2 == 0 ? WebhookForm::Kind::alertmanager : WebhookForm::Kind::json;
  form.labels = {{"host", at("/host/name")}, {"item", at("/list/0")}, {"instance", at("/labels/instance")}};
  form.title = at("/title");
  form.status = at("/state");
  form.delivery = at("/id");
  form.firing = {"down"};
  form.resolved = {"up"};
  auto const items = triggers::parse_webhook(form, body, "");
  if (!items) {
    require(!items.error().message.empty());
    return 0;
  }
  require(items->size() <= triggers::kMaxAlerts);
  for (auto item : *items) {
    triggers::redact_and_cut(item, NoRedactor());
    require(item.title == core::one_line(item.title, 200));
    require(item.text.size() <= (17u << 10));
    require(item.once.size() == 64);
    require(form.kind == WebhookForm::Kind::json || !item.instance.empty());
    for (auto const& [name, value] : triggers::clean_labels(item.labels, NoRedactor())) {
      require(!value.empty() && value.size() <= 200 && !value.starts_with('-') && !core::has_control(value));
    }
  }
  return 0;
}
