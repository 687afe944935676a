//! The numbers, as a table.

/// Requests under load.
pub(crate) struct Load {
    pub(crate) name: String,
    pub(crate) per_second: f64,
    /// 50, 99 and 99.9 of 100, in microseconds.
    pub(crate) latencies: [f64; 3],
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Figures {
    loads: Vec<Load>,
    others: Vec<String>,
}

impl Figures {
    /// Adds a load.
    pub(crate) fn add(&mut self, load: Load) {
        eprintln!("{}: {:.0} per second", load.name, load.per_second);
        self.loads.push(load);
    }

    /// Adds a sentence.
    pub(crate) fn say(&mut self, sentence: String) {
        eprintln!("{sentence}");
        self.others.push(sentence);
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!("| what | per second | p50 µs | p99 µs | p99.9 µs |");
        println!("|---|---|---|---|---|");
        for load in &self.loads {
            let [half, most, nearly_all] = load.latencies;
            println!(
                "| {} | {:.0} | {half:.0} | {most:.0} | {nearly_all:.0} |",
                load.name, load.per_second
            );
        }
        println!();
        for sentence in &self.others {
            println!("- {sentence}");
        }
    }
}
