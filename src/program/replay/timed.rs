//! How long each launch takes, by the device's clock.

use std::time::Duration;

use burn_wgpu::wgpu::{self, BufferUsages};

use super::{Launch, Replay};
use crate::device::{Gpu, recorder};

impl Replay {
    /// Whether launches can be timed one by one.
    pub fn has_clock(&self) -> bool {
        let features = self.gpu.device.features();
        features.contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// The same, launch after launch, of which each is [recorded](recorder::record) with its time.
    pub(super) fn run_timed(&self, times: usize) {
        let launches = (0..times).flat_map(|time| self.launches.iter().map(move |one| (one, time)));
        let launches: Vec<_> = launches.chain([(&self.tally, 0)]).collect();
        for launches in launches.chunks(wgpu::QUERY_SET_MAX_QUERIES as usize / 2) {
            self.run_chunk_timed(launches);
        }
    }

    fn run_chunk_timed(&self, launches: &[(&Launch, usize)]) {
        let Gpu { device, queue, .. } = &self.gpu;
        let count = 2 * launches.len() as u32;
        let query_set = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("times"),
                size: u64::from(count) * u64::from(wgpu::QUERY_SIZE),
                usage,
                mapped_at_creation: false,
            })
        };
        let resolved = buffer(BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC);
        let ticks = buffer(BufferUsages::MAP_READ | BufferUsages::COPY_DST);

        let mut encoder = device.create_command_encoder(&Default::default());
        for ((launch, time), first) in launches.iter().zip((0..).step_by(2)) {
            let timestamps = wgpu::ComputePassTimestampWrites {
                query_set: &query_set,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: Some(first + 1),
            };
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: None,
                timestamp_writes: Some(timestamps),
            });
            launch.encode(&mut pass, *time);
        }
        encoder.resolve_query_set(&query_set, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &ticks, 0, resolved.size());
        queue.submit([encoder.finish()]);

        ticks.map_async(wgpu::MapMode::Read, .., |_| ());
        self.wait();
        // What cannot be read has no time, but was launched.
        let read = ticks.get_mapped_range(..).ok();
        let read = read.as_deref().map(bytemuck::cast_slice::<u8, [u64; 2]>);
        let period = f64::from(queue.get_timestamp_period());
        for (place, (launch, _)) in launches.iter().enumerate() {
            let ticks = read.map_or(0, |read| read[place][1].saturating_sub(read[place][0]));
            let time = Duration::from_nanos((ticks as f64 * period) as u64);
            recorder::timed_launch(launch.name, time);
        }
    }
}
