#include "actors/command_queue.h"

#include <deque>
#include <future>

#include "actors/messages.h"

namespace fedlog::actors {

// A command, and the promise of the thread that waits for it. Dropped with its actor, the promise breaks.
struct QueuedCommand {
  CommandQueue::Prepare prepare;
  std::promise<Result<CommandQueue::Outcome>> outcome;
  int attempts_left = 3;
};

namespace {

struct QueueState {
  std::deque<SharedCommand> waiting;
  SharedCommand in_flight;
};

using QueueActor = caf::stateful_actor<QueueState>;

// A command that throws (a view's row is damaged) is answered; the commands after it go on.
Result<storage::Commit> prepared(const QueuedCommand& command) {
  try {
    return command.prepare();
  } catch (const std::exception& error) {
    return std::unexpected(
        domain::Rejection{domain::Reason::internal, std::string("Nothing was changed: ") + error.what()});
  }
}

// Prepares until a command really has something to append, or an answer to keep.
void take_next(QueueActor* self, storage::Journal& journal) {
  auto& state = self->state;
  while (!state.in_flight && !state.waiting.empty()) {
    auto command = std::move(state.waiting.front());
    state.waiting.pop_front();
    auto commit = prepared(*command);
    if (!commit) {
      command->outcome.set_value(std::unexpected(std::move(commit.error())));
    } else if (commit->appends.empty() && commit->idempotency_key.empty()) {
      command->outcome.set_value(CommandQueue::Outcome{.envelopes = {}, .reply = commit->reply});
    } else {
      state.in_flight = std::move(command);
      journal.append(std::move(*commit),
                     [actor = caf::actor_cast<caf::actor>(self)](storage::Committed result) {
                       caf::anon_send(actor, std::make_shared<storage::Committed>(std::move(result)));
                     });
    }
  }
}

void finish(QueueActor* self, storage::Committed result) {
  auto command = std::exchange(self->state.in_flight, nullptr);
  if (result) {
    command->outcome.set_value(CommandQueue::Outcome{.envelopes = std::move(*result), .reply = {}});
  } else if (result.error().code == storage::JournalErrorCode::duplicate) {
    command->outcome.set_value(CommandQueue::Outcome{.envelopes = {}, .reply = result.error().reply});
  } else if (result.error().code == storage::JournalErrorCode::version_mismatch &&
             --command->attempts_left > 0) {
    self->state.waiting.push_front(std::move(command));
  } else {
    command->outcome.set_value(std::unexpected(rejection_of(result.error())));
  }
}

caf::behavior command_queue(QueueActor* self, storage::Journal* journal) {
  return {
      [=](const SharedCommand& command) {
        self->state.waiting.push_back(command);
        take_next(self, *journal);
      },
      [=](const SharedCommitted& result) {
        finish(self, std::move(*result));
        take_next(self, *journal);
      },
  };
}

}  // namespace

struct CommandQueue::Implementation {
  caf::actor actor;
};

CommandQueue::CommandQueue(caf::actor_system& system, storage::Journal& journal)
    : implementation_(new Implementation{system.spawn(command_queue, &journal)}) {}

CommandQueue::~CommandQueue() {
  caf::anon_send_exit(implementation_->actor, caf::exit_reason::user_shutdown);
}

Result<CommandQueue::Outcome> CommandQueue::run(Prepare prepare) {
  auto command = std::make_shared<QueuedCommand>();
  command->prepare = std::move(prepare);
  auto outcome = command->outcome.get_future();
  caf::anon_send(implementation_->actor, std::move(command));
  try {
    return outcome.get();
  } catch (const std::future_error&) {
    return std::unexpected(
        domain::Rejection{domain::Reason::busy, "The server is shutting down; nothing was changed."});
  }
}

}  // namespace fedlog::actors
