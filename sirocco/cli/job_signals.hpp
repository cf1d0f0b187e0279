#pragma once

namespace sirocco {

/// Makes this process follow the signals that mpirun sends the ranks of a job; once, before it has
/// other threads. Does nothing where there is only one rank.
///
/// When a rank has died, or mpirun itself is asked to end, mpirun sends the ranks SIGCONT at once,
/// SIGTERM after its `odls_base_sigkill_timeout` (1 s) and SIGKILL after as long again. The ranks
/// behind the head ignore SIGTERM and SIGINT, or answers that could still be given would lack their
/// stages: they end when the head shuts down or is lost. The head ends by SIGTERM unless it does so
/// by itself, because a stage is lost, or blocks the signal and waits for it.
void follow_job_signals();

/// Whether there was a sign within the last 3 s that mpirun ends the job, for which a stage that
/// has died may be the reason: its SIGCONT, not that of anybody else, or `note_request_to_end`.
/// Thread-safe.
bool job_may_be_ending();

/// SIGTERM came to a head that waits for it. Thread-safe.
void note_request_to_end();

/// A stage is lost: the program ends for that reason now, and no longer by SIGTERM. Thread-safe.
void note_lost_stage();

}  // namespace sirocco
