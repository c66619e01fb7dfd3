// One training or inference step again and again: the worker that bench_compare runs against others.
//
//     bench_step --model resnet56 --batch 100 --threads 2 --mode train
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "common.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/kernels/kernels.hpp"
#include "worker.hpp"

namespace {

template <comdml::Network N>
class comdml_stepper final : public bench::stepper {
 public:
  comdml_stepper(N net, const bench::step_options& options)
      : trainer_{std::move(net), options.batch, comdml::execution{options.threads}, options.learning_rate} {}

  [[nodiscard]] std::vector<std::vector<float>> parameters() const override { return trainer_.parameters(); }
  double train() override { return trainer_.train(); }
  std::vector<float> infer() override {
    const auto outputs = trainer_.infer();
    return {outputs.begin(), outputs.end()};
  }

 private:
  bench::trainer<N> trainer_;
};

template <class Engine>
std::unique_ptr<bench::stepper> make(const bench::step_options& options) {
  const auto [bottleneck, depth] = bench::parse_model(options.model);
  const auto with = [&]<class N>(N net) -> std::unique_ptr<bench::stepper> {
    return std::make_unique<comdml_stepper<N>>(std::move(net), options);
  };
  return bottleneck ? with(Engine::bottleneck(depth)) : with(Engine::basic(depth));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Times one step of a ResNet on the CPU.", "bench_step"};
  std::string convolution = "default";
  app.add_option("--convolution", convolution,
                 "default: the engine that users get; gemm: the reference network, im2col and OpenBLAS")
      ->check(CLI::IsMember({"default", "gemm"}))
      ->capture_default_str();
  return bench::run_worker(app, argc, argv, [&](const bench::step_options& options) {
    try {
      std::ignore = comdml::kernels::active_set();
    } catch (const comdml::input_error& error) {
      throw bench::bad_input{error.what()};
    }
    return convolution == "gemm" ? make<bench::reference_engine>(options) : make<bench::default_engine>(options);
  });
}
