//! A small pool of worker threads that park when there is nothing to do.
//!
//! Work is handed out on two levels: an operation is split into tasks (image x rows, or tiles of weights), and tasks
//! are claimed one by one, so that a thread that was held up by the system does not hold up the others. A worker spins
//! for a few microseconds before it parks: operations of a network follow each other closely, but an idle program
//! must not burn power.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Rounds of the spin loop before a thread parks (about 20 us).
const SPIN: u32 = 4_000;

type Task = *const (dyn Fn(usize) + Sync);

struct Job {
    task: Task,
    count: usize,
}

// SAFETY: the pointee is `Sync`, and `Pool::run` keeps it alive until every worker has left the job.
unsafe impl Send for Job {}

struct Shared {
    job: Mutex<Option<Job>>,
    wake: Condvar,
    /// Rises by one with every job.
    epoch: AtomicUsize,
    next: AtomicUsize,
    /// Workers that have not finished the present job.
    busy: AtomicUsize,
    failed: AtomicBool,
    stop: AtomicBool,
}

/// See the module.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool of `threads` threads, the caller's included; at least one.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            job: Mutex::new(None),
            wake: Condvar::new(),
            epoch: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let workers = (1..threads.max(1))
            .map_while(|i| {
                let shared = Arc::clone(&shared);
                // Without the thread the work is done by those there are.
                std::thread::Builder::new()
                    .name(format!("invdet-{i}"))
                    .spawn(move || worker(&shared))
                    .ok()
            })
            .collect();
        Self { shared, workers }
    }

    /// Threads that work on a job, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task(0) .. task(count - 1)`, each once, on all threads; returns when all are done.
    ///
    /// # Panics
    /// If a task panicked on a worker.
    pub fn run(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        if self.workers.is_empty() || count < 2 {
            (0..count).for_each(task);
            return;
        }
        let s = &*self.shared;
        s.next.store(0, Ordering::Relaxed);
        s.busy.store(self.workers.len(), Ordering::Relaxed);
        {
            // SAFETY: only the lifetime is erased; the wait below outlives every use.
            let task = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), Task>(task) };
            let mut job = s.job.lock().unwrap_or_else(PoisonError::into_inner);
            *job = Some(Job { task, count });
            s.epoch.fetch_add(1, Ordering::Release);
            s.wake.notify_all();
        }
        // Even if a task panics here, the workers must have left the borrowed closure before this frame unwinds.
        let guard = WaitForWorkers(s);
        claim(s, count, task);
        drop(guard);
        assert!(
            !s.failed.swap(false, Ordering::Relaxed),
            "a task of the pool panicked"
        );
    }
}

struct WaitForWorkers<'a>(&'a Shared);

impl Drop for WaitForWorkers<'_> {
    fn drop(&mut self) {
        let mut rounds = 0u32;
        while self.0.busy.load(Ordering::Acquire) != 0 {
            rounds += 1;
            if rounds < SPIN {
                std::hint::spin_loop()
            } else {
                std::thread::yield_now()
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        {
            let _job = self
                .shared
                .job
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            self.shared.epoch.fetch_add(1, Ordering::Release);
            self.shared.wake.notify_all();
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

fn claim(s: &Shared, count: usize, task: &(dyn Fn(usize) + Sync)) {
    loop {
        let i = s.next.fetch_add(1, Ordering::Relaxed);
        if i >= count {
            return;
        }
        task(i);
    }
}

fn worker(s: &Shared) {
    let mut seen = 0;
    loop {
        let mut rounds = 0;
        while s.epoch.load(Ordering::Acquire) == seen && rounds < SPIN {
            std::hint::spin_loop();
            rounds += 1;
        }
        let (task, count) = {
            let mut job = s.job.lock().unwrap_or_else(PoisonError::into_inner);
            while s.epoch.load(Ordering::Acquire) == seen {
                job = s.wake.wait(job).unwrap_or_else(PoisonError::into_inner);
            }
            seen = s.epoch.load(Ordering::Acquire);
            if s.stop.load(Ordering::Relaxed) {
                return;
            }
            match &*job {
                Some(job) => (job.task, job.count),
                None => continue,
            }
        };
        let work = std::panic::AssertUnwindSafe(|| {
            // SAFETY: `run` waits for `busy` to reach zero before the closure dies.
            claim(s, count, unsafe { &*task });
        });
        if std::panic::catch_unwind(work).is_err() {
            s.failed.store(true, Ordering::Relaxed);
        }
        s.busy.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn every_task_runs_exactly_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 5] {
            let pool = Pool::new(threads);
            for count in [0, 1, 2, 7, 100] {
                let hits: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(0)).collect();
                pool.run(count, &|i| {
                    hits[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(
                    hits.iter().all(|h| h.load(Ordering::Relaxed) == 1),
                    "{threads} threads, {count} tasks"
                );
            }
        }
    }

    #[test]
    fn a_panicking_task_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(2);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.run(8, &|i| assert!(i != 3, "task three"));
        }));
        assert!(result.is_err());
        let hits = AtomicU32::new(0);
        pool.run(8, &|_| {
            hits.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(hits.load(Ordering::Relaxed), 8);
    }
}
