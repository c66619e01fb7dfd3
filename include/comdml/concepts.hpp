// SPDX-License-Identifier: BSL-1.0
/// \file
/// Every policy concept of the library, each with its contract: what a compiler can check stands in the concept, what
/// it cannot stands in the comment above, and in the `testing::check_*` function of the same name. Read this first.
///
/// A model of a concept ends its file with `static_assert(Concept<model>)`, which keeps the error short and near.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/parallel.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml {

namespace nn {
enum class mode;
template <class T>
struct forward_pass;
template <class T>
struct backward_pass;
struct description;
template <class T>
struct model_state;
template <class T>
struct optimizer_view;
struct tensor_info;
struct loss_result;
}  // namespace nn

namespace fleet {
struct instance;
struct guest_terms;
}  // namespace fleet

namespace pairing {
struct plan;
struct neighborhood;
struct negotiated;
struct negotiated_plan;
}  // namespace pairing

namespace comm {
struct tag;
struct channel;
struct delivery;
struct published;
struct schedule;
enum class result;
}  // namespace comm

namespace learn {
struct round_report;
enum class verdict;
}  // namespace learn

/// A class index, 0 .. classes-1.
using label = std::int32_t;

/// A float or a double: the scalars that reference networks are checked in.
template <class T>
concept Scalar = std::same_as<T, float> || std::same_as<T, double>;

// ---------------------------------------------------------------------------------------------------------- Layer
/// A stateless piece of a network. It holds hyper-parameters only; weights, statistics and remembered values come in
/// as spans. Activations are NHWC without padding.
///
/// | expression                   | what it must do                                                                 |
/// |------------------------------|---------------------------------------------------------------------------------|
/// | `l.output_shape(in)`         | shape of one output for one input; throws contract_error if `in` does not fit   |
/// | `l.describe(in, out)`        | appends its tensors (name, shape, kind, initial values) in the order they take  |
/// |                              | inside the `parameters` and `statistics` spans                                  |
/// | `l.memory_size(in, images)`  | scalars that forward (training) leaves for backward                             |
/// | `l.multiply_adds(in)`        | multiply-adds of one image's forward pass                                       |
/// | `l.forward(pass)`            | writes all of pass.output; in training also pass.memory and pass.statistics     |
/// | `l.backward(pass)`           | overwrites (never adds to) pass.parameter_gradient, and pass.input_gradient     |
/// |                              | unless that is empty                                                            |
///
/// A layer may also say `static constexpr bool backward_reads_input = false`, or `backward_reads_output`: that
/// activation is then not kept for its backward pass, which gets an empty span in its place.
///
/// Results do not depend on the number of threads. `testing::check_layer` checks all of it by central differences.
template <class L>
concept Layer = std::copy_constructible<L> &&
    requires(const L layer, image_shape in, std::size_t images, nn::description& tensors) {
  { layer.output_shape(in) } -> std::same_as<image_shape>;
  layer.describe(in, tensors);
  { layer.memory_size(in, images) } -> std::convertible_to<std::size_t>;
  { layer.multiply_adds(in) } -> std::convertible_to<double>;
} && requires(const L layer, const nn::forward_pass<float>& forward_float,
              const nn::forward_pass<double>& forward_double) {
  layer.forward(forward_float);
  layer.forward(forward_double);
} && requires(const L layer, const nn::backward_pass<float>& backward_float,
              const nn::backward_pass<double>& backward_double) {
  layer.backward(backward_float);
  layer.backward(backward_double);
};

// -------------------------------------------------------------------------------------------------------- Network
/// A model bound to an input shape: a row of units (stem, blocks, head), each a place where a cut may fall. Stateless:
/// weights live in one flat vector in unit order, so that the two sides of a cut are two contiguous sub-spans.
///
/// Work is asked for by *runs of units*, never unit by unit, so that an engine may fuse across units: what lies between
/// two units of one run is the network's own affair (padded, pending or packed); only a run's input and output are
/// plain NHWC spans.
///
/// | expression                        | meaning                                                                    |
/// |-----------------------------------|----------------------------------------------------------------------------|
/// | `N::scalar`, `N::workspace`       | element type; memory for activations, default-constructible, reusable for  |
/// |                                   | any run of units and any batch, by one computation at a time               |
/// | `n.input()`, `n.classes()`        | shape of an image; number of outputs                                       |
/// | `n.units()`                       | number of units                                                            |
/// | `n.output_shape(u)`               | shape that unit u puts out                                                 |
/// | `n.stage_ends()`                  | numbers of units kept by a cut at the end of the stem and of every stage,  |
/// |                                   | ascending, without the head                                                |
/// | `n.tensors()`                     | all tensors: name, shape, kind, unit, offset in parameters or statistics   |
/// | `n.parameters(run)`,              | where the run's values lie in the flat vectors                             |
/// | `n.statistics(run)`               |                                                                            |
/// | `n.multiply_adds(u)`              | of one image's forward pass through unit u                                 |
/// | `n.initialize(state, rng)`        | sizes the state and fills it                                               |
/// | `n.forward(...)`                  | runs units over a batch; parameters and statistics are the run's sub-spans;|
/// |                                   | the result is valid until the workspace is used again. mode::infer changes |
/// |                                   | no statistics and remembers nothing                                        |
/// | `n.backward(...)`                 | after forward in mode::train on the same workspace and run: overwrites the |
/// |                                   | run's parameter gradient; input_gradient is filled unless empty            |
template <class N>
concept Network = Scalar<typename N::scalar> && std::default_initializable<typename N::workspace> &&
    requires(const N net, std::size_t unit, index_range run) {
  { net.input() } -> std::convertible_to<image_shape>;
  { net.classes() } -> std::convertible_to<std::size_t>;
  { net.units() } -> std::convertible_to<std::size_t>;
  { net.output_shape(unit) } -> std::convertible_to<image_shape>;
  { net.stage_ends() } -> std::convertible_to<std::vector<std::size_t>>;
  { net.tensors() } -> std::convertible_to<const std::vector<nn::tensor_info>&>;
  { net.parameters(run) } -> std::convertible_to<index_range>;
  { net.statistics(run) } -> std::convertible_to<index_range>;
  { net.multiply_adds(unit) } -> std::convertible_to<double>;
} && requires(const N net, index_range run, nn::model_state<typename N::scalar>& state, random_stream rng,
              std::span<const typename N::scalar> values, std::span<typename N::scalar> out, std::size_t images,
              nn::mode how, typename N::workspace& memory, execution exec) {
  net.initialize(state, rng);
  {
    net.forward(run, values, out, values, images, how, memory, exec)
    } -> std::convertible_to<std::span<const typename N::scalar>>;
  net.backward(run, values, values, out, out, memory, exec);
};

// ------------------------------------------------------------------------------------------- AuxiliaryHead, CutSet
/// Builds the small network that gives a slow side its local loss. `head.make<T>(shape, classes)` returns a model of
/// Network with scalar T, the given input shape and number of outputs; the type is the same for every shape.
template <class A, class T = float>
concept AuxiliaryHead = std::copy_constructible<A> && requires(const A head, image_shape shape, std::size_t classes) {
  { head.template make<T>(shape, classes) } -> Network;
};

/// Which cuts a plan may use. `cuts.points(net)` lists them from the most units kept to the least; each lies in
/// 1 .. units-1. A tie in a pairing policy goes to the earlier entry.
template <class C, class N>
concept CutSet = std::copy_constructible<C> && requires(const C cuts, const N net) {
  { cuts.points(net) } -> std::same_as<std::vector<split_point>>;
};

// ---------------------------------------------------------------------------------------- Loss, Optimizer, Schedule
/// `loss(outputs, labels, gradient)` with outputs images x classes: the sum of the losses and the number of right
/// answers; `gradient` (empty: not wanted) gets d(mean loss)/d(outputs).
template <class L, class T = float>
concept Loss = requires(const L loss, std::span<const T> outputs, std::span<const label> labels,
                        std::span<T> gradient) {
  { loss(outputs, labels, gradient) } -> std::same_as<nn::loss_result>;
};

/// Hyper-parameters outside, run state in `optimizer_view`: `slots()` values per weight, all zero at first, and the
/// number of updates done. `update` changes weights and slots in place, elementwise: updating two sub-spans equals
/// updating the whole. The learning rate is the one the schedule gives for this round.
template <class O, class T = float>
concept Optimizer = std::copy_constructible<O> &&
    requires(const O optimizer, std::span<T> weights, std::span<const T> gradient, nn::optimizer_view<T> state,
             double rate) {
  { optimizer.slots() } -> std::convertible_to<std::size_t>;
  { optimizer.learning_rate } -> std::convertible_to<double>;
  optimizer.update(weights, gradient, state, rate);
};

/// Learning rate over rounds. `rate(base)` is asked before a round, `observe(test_accuracy)` is told after an
/// evaluation, with the accuracy that all agents agreed on.
template <class S>
concept Schedule = std::copy_constructible<S> && requires(S schedule, const S view, double x) {
  { view.rate(x) } -> std::convertible_to<double>;
  schedule.next_round();
  schedule.observe(x);
};

// ---------------------------------------------------------------------------------- Dataset, Partitioner, Augmentation
/// Images held in memory. `read(i, out)` writes image i, NHWC, pixels 0..1 before normalization.
template <class D>
concept Dataset = requires(const D set, std::size_t i, std::span<float> out) {
  { set.size() } -> std::convertible_to<std::size_t>;
  { set.shape() } -> std::convertible_to<image_shape>;
  { set.classes() } -> std::convertible_to<std::size_t>;
  { set.label(i) } -> std::convertible_to<comdml::label>;
  set.read(i, out);
  { set.normalization().mean } -> std::convertible_to<std::vector<double>>;
  { set.normalization().deviation } -> std::convertible_to<std::vector<double>>;
};

/// Deals out images. Returns one list of image numbers per agent: disjoint, together all of them, none with fewer than
/// two images; throws input_error when the demand cannot be met, after a bounded number of tries.
template <class P>
concept Partitioner = requires(const P deal, std::span<const label> labels, std::size_t classes, std::size_t agents,
                               random_stream rng) {
  { deal(labels, classes, agents, rng) } -> std::same_as<std::vector<std::vector<std::uint32_t>>>;
};

/// Changes one training image at random, in place. The image is NHWC and normalized, so that 0 is the mean color;
/// `black` is what a pixel of value 0 looks like after normalization, one value per channel. Draws from `rng` only. A
/// lambda or a `std::function` with this signature is a model: that is how a program chooses one at run time.
template <class A>
concept Augmentation = requires(const A& augment, std::span<float> image, image_shape shape,
                                std::span<const float> black, random_stream& rng) {
  augment(image, shape, black, rng);
};

// ------------------------------------------------------------------------------------------------ Clock, Transport
/// Time as an agent sees it. `compute(cost, work)` runs `work` at once and returns when it is done; under a virtual
/// clock the agent's time then is `cost` later, whatever the work took. At most as many agents compute at once as the
/// network of agents has compute slots; a slot is never held while waiting for a peer.
template <class C>
concept Clock = requires(C clock, seconds cost, void (*work)()) {
  { clock.now() } -> std::same_as<seconds>;
  clock.compute(cost, work);
};

/// Moves bytes between agents. Messages of one (sender, tag) arrive in order, none twice, none cut. A deadline is a
/// time of the transport's clock, seconds::infinity() for none; slow and dead look alike: a time-out or a lost peer is
/// a result, never an exception. A channel (sender, receiver, tag) holds at most a window of unread messages; a full
/// window stalls the sender.
///
/// | expression                         | meaning                                                                   |
/// |------------------------------------|---------------------------------------------------------------------------|
/// | `t.self()`, `t.peers()`            | own id; ids of the agents with a direct link, ascending                   |
/// | `t.send(to, tag, data, deadline)`  | ok: the message is on its way; otherwise nothing was sent                 |
/// | `t.receive(from, tag, deadline)`   | the next message of that channel                                          |
/// | `t.receive_any(channels, deadline)`| the earliest message of these channels by (arrival, sender); with a       |
/// |                                    | deadline of now() it polls                                                |
/// | `t.forget_before(round)`           | messages of earlier rounds are dropped, those that still come included    |
/// | `t.publish(data)`, `t.peek(peer)`  | a peer's latest published value and its age; nothing if there is none     |
/// | `t.clock()`                        | the clock that deadlines and ages are told in                             |
template <class T>
concept Transport = requires(T transport, agent_id peer, const comm::tag& what, std::vector<std::byte> data,
                             seconds deadline, std::span<const comm::channel> channels) {
  { transport.self() } -> std::convertible_to<agent_id>;
  { transport.peers() } -> std::convertible_to<std::span<const agent_id>>;
  { transport.send(peer, what, data, deadline) } -> std::same_as<comm::result>;
  { transport.receive(peer, what, deadline) } -> std::same_as<comm::delivery>;
  { transport.receive_any(channels, deadline) } -> std::same_as<comm::delivery>;
  transport.forget_before(round_index{});
  transport.publish(data);
  transport.peek(peer);
  { transport.clock() } -> Clock;
};

/// An all-reduce algorithm, written as data: who sends which part of the vector to whom in which step, for `members`
/// ranks and `count` values. The same schedule runs on every transport, so the bits are the same on all.
///
/// A collective may also have `sum(transport, group, tag, values, deadline)` for transports whose engine sums by
/// itself: all_reduce calls it there in place of the schedule. It returns a comm::outcome, or an optional one: nothing
/// where the schedule is to be used. It promises the same bits on all members only.
template <class C>
concept Collective = std::copy_constructible<C> &&
    requires(const C collective, std::size_t members, std::size_t count) {
  { collective.plan(members, count) } -> std::same_as<comm::schedule>;
};

/// How activations look on the wire. `values` are whole pixels, NHWC: `channels` divides their number, and the channel
/// is the fastest index. `decode(encode(x))` has the size of x. The size depends on the counts only. What comes in is
/// hostile: any bytes of the right size decode to something.
template <class W>
concept WireCodec = requires(const W codec, std::size_t count, std::size_t channels, std::span<const float> values,
                             std::span<std::byte> out, std::span<const std::byte> in, std::span<float> decoded) {
  { codec.name } -> std::convertible_to<const char*>;
  { codec.encoded_size(count, channels) } -> std::convertible_to<std::size_t>;
  codec.encode(values, channels, out);
  codec.decode(in, channels, decoded);
};

// ------------------------------------------------------------------------------------------- CostModel, PairingPolicy
/// How long agents take. Pure functions of the instance; `entry` counts the entries of the instance's split profile.
/// An impossible pair costs seconds::infinity().
template <class C>
concept CostModel = requires(const C cost, const fleet::instance& fleet, agent_id agent, agent_id helper,
                             std::size_t entry) {
  { cost.solo(fleet, agent) } -> std::same_as<seconds>;
  { cost.pair(fleet, agent, helper, entry) } -> std::same_as<seconds>;
};

/// A cost model that also says what a helper of several guests (a star) costs, by telling what makes up the cost of a
/// guest apart from its helper: `to` and `back` are the links to the helper and from it. Of helper j, only the speed,
/// the memory and solo(j) matter; for every pair with a link and enough memory,
///
///     pair(i, j, entry) = finish(guest(i, link i->j, link j->i, entry), solo(j) + wait + work / p_j)
///
/// bit for bit (fleet::finish), and infinite for all others. Such a cost is never below solo(j).
template <class C>
concept StarCostModel = CostModel<C> &&
    requires(const C cost, const fleet::instance& fleet, agent_id agent, const directed_link& to,
             const directed_link& back, std::size_t entry) {
  { cost.guest(fleet, agent, to, back, entry) } -> std::same_as<fleet::guest_terms>;
};

/// Who helps whom, and where to cut. A pure function: the same instance gives the same plan on every agent, unless the
/// policy says otherwise (pairing::planned_by_all).
/// `testing::check_pairing` validates plans and compares them with brute force.
template <class P>
concept PairingPolicy = requires(const P policy, const fleet::instance& fleet) {
  { policy.plan(fleet) } -> std::same_as<pairing::plan>;
};

/// A policy whose agents can make the pairs themselves, by messages to their neighbors over a transport: `view` is what
/// one agent knows, `negotiate` what all call at once, `agreed` the plan that follows from what they ended with.
/// Training negotiates wherever a job's policy can; `plan` plays all agents' parts in one place and comes to the same.
template <class P, class T>
concept LocalPairingPolicy = PairingPolicy<P> && Transport<T> &&
    requires(const P policy, const fleet::instance& fleet, agent_id self, T& transport, pairing::neighborhood view,
             const comm::tag& what, const std::vector<pairing::negotiated>& results) {
  { policy.view(fleet, self) } -> std::same_as<pairing::neighborhood>;
  { policy.negotiate(transport, std::move(view), what) } -> std::same_as<pairing::negotiated>;
  { policy.agreed(fleet, results) } -> std::same_as<pairing::negotiated_plan>;
};

// ------------------------------------------------------------------------------------------------------ Algorithm
/// What a round is made of. `algorithm.round(session)` calls the session's steps (agree on a plan, train, join) in its
/// own way, on every agent alike, and returns the plan that was followed. `S` is a learn::session.
template <class A, class S>
concept Algorithm = std::copy_constructible<A> && requires(const A algorithm, S& session) {
  { algorithm.round(session) } -> std::same_as<pairing::plan>;
};

/// An algorithm without rounds: `algorithm.live(agent)` runs one agent, at its own pace, until its time is over. `M` is
/// a learn::free_agent, whose steps it calls: train a cycle, look at the model, replace it.
///
/// An algorithm of either kind may have `settle(routes)`, which is called once, before the agents get their copies, to
/// choose what it was not told.
template <class A, class M>
concept FreeAlgorithm = std::copy_constructible<A> && requires(const A algorithm, M& agent) {
  algorithm.live(agent);
};

// ------------------------------------------------------------------------------------------------------- Observer
/// Is told what happened; may only answer "go on" or "stop". Called by one thread at a time, not always the same one.
template <class O>
concept Observer = requires(O observer, const learn::round_report& report) {
  { observer.on_round(report) } -> std::same_as<learn::verdict>;
};

}  // namespace comdml
