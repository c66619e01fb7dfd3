// expects: (concept comdml::nn::Shortcut|not satisfy 'Shortcut')
// A layer that does not say when it passes its input on unchanged is refused as a shortcut.
#include "comdml/nn/relu.hpp"
#include "comdml/nn/shortcuts.hpp"

#ifdef COMDML_CORRECT
static_assert(comdml::nn::Shortcut<comdml::nn::identity_padded>);
#else
static_assert(comdml::nn::Shortcut<comdml::nn::relu>);
#endif
