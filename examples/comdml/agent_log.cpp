// SPDX-License-Identifier: BSL-1.0
/// \file
/// An agent's log, by spdlog.
#include "agent_log.hpp"

#include <utility>

#include "comdml/core/errors.hpp"

#ifdef COMDML_PROGRAM_AGENTS
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#endif

namespace program {

#ifdef COMDML_PROGRAM_AGENTS

struct agent_log::inside {
  spdlog::logger logger;
};

namespace {

std::shared_ptr<spdlog::sinks::sink> make_sink(const std::string& file) {
  if (file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  try {
    return std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  } catch (const spdlog::spdlog_ex& error) {
    throw comdml::input_error{file, std::string{"the log cannot be written ("} + error.what() + ")",
                              "give [log] a file that may be written to, or leave it out"};
  }
}

spdlog::level::level_enum to_spdlog(log_level level) {
  switch (level) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::warning:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
    default:
      return spdlog::level::info;
  }
}

}  // namespace

agent_log::agent_log(const log_options& options, std::uint64_t agent)
    : inside_{
          std::make_unique<inside>(inside{spdlog::logger{"agent " + std::to_string(agent), make_sink(options.file)}})} {
  inside_->logger.set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %n: %v");
  inside_->logger.set_level(spdlog::level::from_str(options.level));
  inside_->logger.flush_on(spdlog::level::debug);
}
agent_log::~agent_log() = default;

void agent_log::write(log_level level, std::string line) {
  for (char& letter : line)
    if (static_cast<unsigned char>(letter) < ' ' || letter == 127) letter = ' ';
  inside_->logger.log(to_spdlog(level), spdlog::string_view_t{line.data(), line.size()});
}

#else

struct agent_log::inside {};
agent_log::agent_log(const log_options&, std::uint64_t) {}
agent_log::~agent_log() = default;
void agent_log::write(log_level, std::string) {}

#endif

}  // namespace program
