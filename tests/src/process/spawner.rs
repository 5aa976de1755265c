//! The one thread that starts every process.
//!
//! The parent-death signal of Linux is about the *thread* that forked. Threads of a test or of an
//! async runtime come and go, and would take their processes with them; this one stays until the
//! whole test process ends.

use std::{
    io,
    process::{Child, Command},
    sync::{OnceLock, mpsc},
    thread,
};

struct Order {
    command: Command,
    answer: mpsc::Sender<io::Result<Child>>,
}

/// Starts a process that outlives the calling thread but not this process.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || serve(&receiver));
        sender
    });
    let (answer, answers) = mpsc::channel();
    // The thread only ends with the process, as the sender is never dropped.
    orders
        .send(Order { command, answer })
        .map_err(io::Error::other)?;
    answers.recv().map_err(io::Error::other)?
}

fn serve(orders: &mpsc::Receiver<Order>) {
    for Order {
        mut command,
        answer,
    } in orders
    {
        if let Err(mpsc::SendError(Ok(mut unclaimed))) = answer.send(command.spawn()) {
            // Whoever asked is gone. A process that can't be killed has ended by itself.
            let _ = unclaimed.kill();
            let _ = unclaimed.wait();
        }
    }
}
