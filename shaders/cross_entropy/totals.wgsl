// What a batch ends in: its share of the epoch's tally, and its mean loss.
//
// The kernel's own file binds `tally` and `loss`, and says how large the BATCH is.
//
// tally  [3]: the sum of losses; the number of rows whose largest logit is where the largest target is
//        (the first one in a tie); 1 if the sum of losses is finite, else 0
// loss   [1]: the mean of the losses

// Loss and correct predictions.
alias Summand = vec2<f32>;

fn store_totals(total: Summand) {
    tally[0] = total.x;
    tally[1] = total.y;
    // By its bits: a compiler may assume that no number is infinite or NaN.
    let exponent = bitcast<u32>(total.x) & 0x7f800000u;
    tally[2] = select(0.0, 1.0, exponent != 0x7f800000u);
    loss[0] = total.x / f32(BATCH);
}
