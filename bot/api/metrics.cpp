#include "bot/api/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace api {

std::string metrics_text(std::vector<ports::Figure> const& figures, std::vector<ports::Timing> const& timings) {
  prometheus::Registry registry;
  for (auto const& figure : figures) {
    auto const name = "countersign_" + figure.name;
    if (name.ends_with("_total"))
      prometheus::BuildCounter()
          .Name(name)
          .Help(figure.help)
          .Register(registry)
          .Add(figure.labels)
          .Increment(figure.value);
    else
      prometheus::BuildGauge().Name(name).Help(figure.help).Register(registry).Add(figure.labels).Set(figure.value);
  }
  for (auto const& timing : timings) {
    auto& histogram = prometheus::BuildHistogram()
                          .Name("countersign_" + timing.name)
                          .Help(timing.help)
                          .Register(registry)
                          .Add({}, timing.bounds);
    if (!timing.counts.empty()) histogram.ObserveMultiple(timing.counts, timing.sum);
  }
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace api
