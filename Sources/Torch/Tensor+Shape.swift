import CTorch

// Views and rearrangements. Negative dimensions count from the last.

extension Tensor {
    /// The elements in the same (row-major) order in another shape; one size may be -1, which is worked out. A view
    /// where the memory allows it.
    public func reshaped(_ shape: [Int]) -> Tensor {
        op("reshaped to \(shape)", self) { pupil_reshape($0, shape.map(Int64.init), Int32(shape.count)) }
    }
    /// A view whose dimension i is this one's `order[i]`.
    public func permuted(_ order: [Int]) -> Tensor {
        op("permuted by \(order)", self) { pupil_permute($0, order.map(Int64.init), Int32(order.count)) }
    }
    /// A view with two dimensions exchanged.
    public func transposed(_ i: Int, _ j: Int) -> Tensor {
        op("transposed", self) { pupil_transpose($0, Int64(i), Int64(j)) }
    }
    /// The dimensions `from...to` as one.
    public func flattened(from: Int = 0, to: Int = -1) -> Tensor {
        op("flattened", self) { pupil_flatten($0, Int64(from), Int64(to)) }
    }
    /// A view with a new dimension of size 1 at that place.
    public func unsqueezed(_ dim: Int) -> Tensor { op("unsqueezed", self) { pupil_unsqueeze($0, Int64(dim)) } }
    /// A view without that dimension; one whose size is not 1 stays.
    public func squeezed(_ dim: Int) -> Tensor { op("squeezed", self) { pupil_squeeze($0, Int64(dim)) } }
    /// A view in which dimensions of size 1 are repeated to the shape, without copying; -1 keeps a size.
    public func expanded(_ shape: [Int]) -> Tensor {
        op("expanded to \(shape)", self) { pupil_expand($0, shape.map(Int64.init), Int32(shape.count)) }
    }
    /// Elements start..<start+length along a dimension.
    public func narrowed(_ dim: Int, start: Int, length: Int) -> Tensor {
        op("narrowed(\(dim), \(start), \(length))", self) { pupil_narrow($0, Int64(dim), Int64(start), Int64(length)) }
    }
    /// A view of one index along a dimension, which goes.
    public func selected(_ dim: Int, _ index: Int) -> Tensor {
        op("selected(\(dim), \(index))", self) { pupil_select($0, Int64(dim), Int64(index)) }
    }
    /// A copy in the opposite order along a dimension.
    public func flipped(_ dim: Int) -> Tensor { op("flipped", self) { pupil_flip($0, Int64(dim)) } }

    /// One tensor after the other along a dimension; the other sizes must agree.
    public static func concatenated(_ list: [Tensor], _ dim: Int) -> Tensor {
        op("concatenated", list) { pupil_cat($0, Int32($0.count), Int64(dim)) }
    }
    /// Tensors of one shape side by side in a new dimension.
    public static func stacked(_ list: [Tensor], _ dim: Int = 0) -> Tensor {
        op("stacked", list) { pupil_stack($0, Int32($0.count), Int64(dim)) }
    }

    /// With a border: pairs (before, after) from the last dimension inwards, as in torch.
    public func padded(_ pads: [Int], _ value: Double = 0) -> Tensor {
        op("padded", self) { pupil_pad($0, pads.map(Int64.init), Int32(pads.count), value) }
    }
    /// The slices with these indices (int64, one dimension) along a dimension; an index may come more than once.
    public func indexed(_ dim: Int, _ index: Tensor) -> Tensor {
        op("indexed", self, index) { pupil_index_select($0, Int64(dim), $1) }
    }
    /// For each place of `index` (int64, of this rank), the element that lies at that index along `dim` and at the same
    /// place in the other dimensions.
    public func gathered(_ dim: Int, _ index: Tensor) -> Tensor {
        op("gathered", self, index) { pupil_gather($0, Int64(dim), $1) }
    }
    /// The elements where the mask holds, in one dimension.
    public func masked(_ mask: Tensor) -> Tensor { op("masked", self, mask) { pupil_masked_select($0, $1) } }
    /// A copy with one number where the mask (bool) holds.
    public func filled(where mask: Tensor, _ value: Double) -> Tensor {
        op("filled", self, mask) { pupil_masked_fill($0, $1, value) }
    }
    /// `[n, rank]` int64 places of the elements that are not zero.
    public func nonzero() -> Tensor { op("nonzero", self) { pupil_nonzero($0) } }
    /// int64 labels `[...]` as `[..., classes]`: 1 at the label, 0 elsewhere.
    public func oneHot(_ classes: Int) -> Tensor { op("oneHot", self) { pupil_one_hot($0, Int64(classes)) } }

    /// The k largest along a dimension, largest first, and their places (int64).
    public func topK(_ k: Int, _ dim: Int = -1) -> (values: Tensor, indices: Tensor) {
        var values: OpaquePointer?
        var indices: OpaquePointer?
        Handle.run("topK(\(k))", [self]) { pupil_topk($0[0], Int64(k), Int64(dim), &values, &indices) }
        return (
            Tensor(owning: values ?? Handle.made("topK", nil, [self])),
            Tensor(owning: indices ?? Handle.made("topK", nil, [self]))
        )
    }
}
