// The same step as bench_step's on libtorch: the ResNets of ComDML, layer for layer, the same weights and images, and
// the same way to talk. Training is eager PyTorch; inference is a traced module, frozen and optimized for inference,
// which folds the normalizations into the convolutions and runs them on oneDNN.
//
//     bench_torch_step --model resnet56 --batch 100 --threads 2 --mode train
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/script.h>
#include <torch/torch.h>

#include "../worker.hpp"

namespace {

namespace nn = torch::nn;
using torch::Tensor;

nn::Conv2d convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  return nn::Conv2d{nn::Conv2dOptions(in, out, kernel).stride(stride).padding((kernel - 1) / 2).bias(false)};
}

/// He et al.'s option A: every stride-th pixel, and zero channels around the input's, half on each side.
Tensor identity_padded(const Tensor& x, std::int64_t channels, std::int64_t stride) {
  const std::int64_t missing = channels - x.size(1);
  if (missing == 0 && stride == 1) return x;
  using torch::indexing::Slice;
  const Tensor pixels =
      x.index({Slice(), Slice(), Slice(0, torch::indexing::None, stride), Slice(0, torch::indexing::None, stride)});
  return torch::constant_pad_nd(pixels, {0, 0, 0, 0, missing / 2, missing - missing / 2});
}

/// A residual block of convolutions (kernel, channels), the one at `strided` with the stride.
class block_impl : public nn::Module {
 public:
  block_impl(std::int64_t in, const std::vector<std::pair<std::int64_t, std::int64_t>>& layers, std::size_t strided,
             std::int64_t stride, bool projection)
      : channels_{layers.back().second}, stride_{stride} {
    std::int64_t width = in;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const auto [kernel, channels] = layers[i];
      const std::string number = std::to_string(i + 1);
      convolutions_.push_back(
          register_module("conv" + number, convolution(width, channels, kernel, i == strided ? stride : 1)));
      normalizations_.push_back(register_module("bn" + number, nn::BatchNorm2d{channels}));
      width = channels;
    }
    if (projection && (stride != 1 || in != channels_))
      downsample_ = register_module("downsample",
                                    nn::Sequential{convolution(in, channels_, 1, stride), nn::BatchNorm2d{channels_}});
  }

  Tensor forward(const Tensor& x) {
    Tensor y = x;
    for (std::size_t i = 0; i < convolutions_.size(); ++i) {
      y = normalizations_[i](convolutions_[i](y));
      if (i + 1 < convolutions_.size()) y = y.relu_();
    }
    y += downsample_ ? downsample_->forward(x) : identity_padded(x, channels_, stride_);
    return y.relu_();
  }

 private:
  std::int64_t channels_;
  std::int64_t stride_;
  std::vector<nn::Conv2d> convolutions_;
  std::vector<nn::BatchNorm2d> normalizations_;
  nn::Sequential downsample_{nullptr};
};
TORCH_MODULE_IMPL(block, block_impl);

class resnet_impl : public nn::Module {
 public:
  explicit resnet_impl(const bench::model_name& name) {
    const std::vector<std::int64_t> planes =
        name.bottleneck ? std::vector<std::int64_t>{16, 16, 32, 32, 64, 64} : std::vector<std::int64_t>{16, 32, 64};
    const std::size_t blocks = (name.depth - 2) / (planes.size() * (name.bottleneck ? 3 : 2));
    std::int64_t width = 16;
    std::int64_t before = planes.front();
    for (std::size_t stage = 0; stage < planes.size(); ++stage) {
      const std::int64_t plane = planes[stage];
      nn::Sequential row;
      for (std::size_t i = 0; i < blocks; ++i) {
        const std::int64_t stride = i == 0 && plane != before ? 2 : 1;
        row->push_back(name.bottleneck ? block{width, layers{{1, plane}, {3, plane}, {1, 4 * plane}}, 1, stride, true}
                                       : block{width, layers{{3, plane}, {3, plane}}, 0, stride, false});
        width = name.bottleneck ? 4 * plane : plane;
      }
      before = plane;
      stages_.push_back(register_module("layer" + std::to_string(stage + 1), row));
    }
    head_ = register_module("fc", nn::Linear{width, static_cast<std::int64_t>(bench::classes)});
  }

  Tensor forward(const Tensor& images) {
    Tensor x = normalization_(convolution_(images)).relu_();
    for (auto& stage : stages_) x = stage->forward(x);
    return head_(torch::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }

 private:
  using layers = std::vector<std::pair<std::int64_t, std::int64_t>>;

  nn::Conv2d convolution_ = register_module("conv1", convolution(3, 16, 3, 1));
  nn::BatchNorm2d normalization_ = register_module("bn1", nn::BatchNorm2d{16});
  std::vector<nn::Sequential> stages_;
  nn::Linear head_{nullptr};
};

class torch_stepper final : public bench::stepper {
 public:
  torch_stepper(const bench::step_options& options, torch::MemoryFormat layout)
      : net_{bench::parse_model(options.model)} {
    const auto images = static_cast<std::int64_t>(options.batch);
    const auto side = static_cast<std::int64_t>(bench::image_side);
    images_ = torch::tensor(bench::example_images(options.batch))
                  .view({images, static_cast<std::int64_t>(bench::image_channels), side, side})
                  .contiguous(layout);
    labels_ = torch::tensor(bench::example_labels<std::int64_t>(options.batch));
    const torch::NoGradGuard no_gradients;
    std::size_t number = 0;
    for (auto& parameter : net_.named_parameters()) {
      Tensor& values = parameter.value();
      const std::vector<std::size_t> shape(values.sizes().begin(), values.sizes().end());
      values.copy_(torch::tensor(bench::starting_values(number++, shape, parameter.key())).view(values.sizes()));
      if (shape.size() == 4) values.set_data(values.contiguous(layout));
    }
    parameters_ = net_.parameters();
    optimizer_ = std::make_unique<torch::optim::SGD>(
        parameters_,
        torch::optim::SGDOptions(options.learning_rate).momentum(bench::momentum).weight_decay(bench::weight_decay));
  }

  [[nodiscard]] std::vector<std::vector<float>> parameters() const override {
    std::vector<std::vector<float>> all;
    for (const Tensor& parameter : parameters_) {
      const Tensor values = parameter.detach().contiguous();
      all.emplace_back(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
    }
    return all;
  }

  double train() override {
    for (Tensor& parameter : parameters_) parameter.mutable_grad().reset();  // as Python's set_to_none does
    const Tensor loss = torch::cross_entropy_loss(net_.forward(images_), labels_);
    loss.backward();
    optimizer_->step();
    return loss.item<double>();
  }

  std::vector<float> infer() override {
    const torch::NoGradGuard no_gradients;
    if (!frozen_) frozen_ = std::make_unique<torch::jit::Module>(freeze());
    const Tensor outputs = frozen_->forward({images_}).toTensor().contiguous();
    return {outputs.data_ptr<float>(), outputs.data_ptr<float>() + outputs.numel()};
  }

 private:
  /// What torch.jit.optimize_for_inference(torch.jit.trace(net.eval(), images)) is in Python.
  torch::jit::Module freeze() {
    net_.eval();
    for (Tensor& parameter : parameters_) parameter.requires_grad_(false);
    torch::jit::Module traced{"traced"};
    const auto forward = [this](torch::jit::Stack inputs) {
      return torch::jit::Stack{net_.forward(inputs.at(0).toTensor())};
    };
    const auto graph = torch::jit::tracer::trace(
                           {images_}, forward, [](const Tensor&) { return ""; }, true, false, &traced)
                           .first->graph;
    traced.type()->addMethod(traced._ivalue()->compilation_unit()->create_function(
        c10::QualifiedName{*traced.type()->name(), "forward"}, graph));
    traced.eval();
    torch::jit::Module frozen = torch::jit::freeze(traced);
    torch::jit::Module optimized = torch::jit::optimize_for_inference(frozen);
    return optimized;
  }

  resnet_impl net_;
  Tensor images_;
  Tensor labels_;
  std::vector<Tensor> parameters_;
  std::unique_ptr<torch::optim::SGD> optimizer_;
  std::unique_ptr<torch::jit::Module> frozen_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Times one step of a ResNet on the CPU, on libtorch.", "bench_torch_step"};
  std::string layout = "contiguous";
  app.add_option("--layout", layout, "Memory format of images and weights")
      ->check(CLI::IsMember({"contiguous", "channels_last"}))
      ->capture_default_str();
  return bench::run_worker(app, argc, argv, [&](const bench::step_options& options) {
    torch::set_num_interop_threads(1);
    torch::set_num_threads(options.threads);
    return std::make_unique<torch_stepper>(
        options, layout == "contiguous" ? torch::MemoryFormat::Contiguous : torch::MemoryFormat::ChannelsLast);
  });
}
