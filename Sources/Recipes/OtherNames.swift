/// What other trainers call a setting (Ultralytics, torchvision's reference scripts, MMDetection, Detectron2, Hugging
/// Face's Trainer), and what stands for it here. Used only to say so.
enum OtherNames {
    /// The settings that may be meant, the first of them that a verb has first, and what is to be known of them.
    private struct Entry {
        var ours: [String]
        var note = ""
        /// A setting that the verb must have, too.
        var beside: String?
        var theirs: [String]
    }

    private static let entries: [Entry] = [
        Entry(
            ours: ["steps"], note: "steps are batches: passes * pictures / batch",
            theirs: ["epochs", "num_epochs", "max_epochs", "num_train_epochs"]),
        Entry(ours: ["steps"], theirs: ["iterations", "iters", "max_iter", "max_iters", "max_steps"]),
        Entry(
            ours: ["size"],
            theirs: ["imgsz", "img_size", "image_size", "input_size", "img_scale", "resolution", "crop_size"]),
        Entry(
            ours: ["batch"],
            theirs: [
                "batch_size", "train_batch_size", "per_device_train_batch_size", "samples_per_gpu", "ims_per_batch",
            ]),
        Entry(
            ours: ["micro"], note: "the most pictures a pass", theirs: ["gradient_accumulation_steps", "accumulate"]),
        Entry(ours: ["lr"], theirs: ["learning_rate", "base_lr", "lr0"]),
        Entry(ours: ["decay"], theirs: ["weight_decay", "wd"]),
        Entry(
            ours: ["warmup"], note: "in steps",
            theirs: ["warmup_steps", "warmup_epochs", "lr_warmup_epochs", "warmup_iters", "warmup_ratio"]),
        Entry(ours: ["clip"], theirs: ["max_grad_norm", "grad_clip", "clip_grad_norm"]),
        Entry(ours: ["average"], theirs: ["ema", "model_ema", "ema_decay", "swa"]),
        Entry(ours: ["model"], theirs: ["backbone", "arch", "architecture"]),
        Entry(
            ours: ["init", "weights"],
            theirs: [
                "weights", "pretrained", "checkpoint", "ckpt", "load_from", "model_name_or_path", "weights_backbone",
            ]),
        Entry(
            ours: ["out"], note: "the same command goes on where it stopped", beside: "checkpoint_seconds",
            theirs: ["resume", "resume_from"]),
        Entry(
            ours: ["freeze"], theirs: ["frozen_stages", "trainable_backbone_layers", "freeze_at", "freeze_backbone"]),
        Entry(ours: ["from"], theirs: ["source", "input", "data", "data_path", "dataset"]),
        Entry(
            ours: ["train", "gt", "data"],
            theirs: ["data", "data_path", "dataset", "ann_file", "train_file", "train_json"]),
        Entry(
            ours: ["images"],
            theirs: [
                "train_images", "img_dir", "image_dir", "images_dir", "img_folder", "source", "data_root", "img_prefix",
            ]),
        Entry(ours: ["unlabelled"], theirs: ["unlabeled", "unlabeled_dir", "pool"]),
        Entry(
            ours: ["score", "threshold", "min_score"],
            theirs: ["conf", "confidence", "score_thr", "score_threshold", "box_score_thresh"]),
        Entry(ours: ["nms_iou"], theirs: ["iou", "iou_thr", "nms_thresh", "nms_threshold"]),
        Entry(ours: ["out"], theirs: ["project", "name", "output", "output_dir", "work_dir", "save_dir", "outdir"]),
        Entry(ours: ["precision"], theirs: ["amp", "half", "fp16", "bf16", "mixed_precision"]),
        Entry(ours: ["workers"], theirs: ["num_workers", "dataloader_num_workers", "workers_per_gpu"]),
        Entry(ours: ["device"], theirs: ["gpu", "gpus", "gpu_id", "gpu_ids", "cuda"]),
        Entry(
            ours: ["eval_every"], note: "in steps",
            theirs: ["eval_steps", "eval_interval", "val_interval", "eval_period"]),
        Entry(
            ours: ["augment", "policy"],
            theirs: ["aug", "augment", "augmentation", "data_augmentation", "policy", "randaugment", "auto_augment"]),
        Entry(ours: ["gt"], theirs: ["ground_truth", "annotations", "ann"]),
        Entry(ours: ["dt"], theirs: ["predictions", "results", "detections", "dets"]),
    ]

    /// The setting of a schema that another trainer's name stands for, and a note; nil where nobody is known to have it.
    /// - Parameter name: as a key stores it.
    static func meaning(of name: String, in schema: Schema) -> (key: Key, note: String)? {
        for entry in entries where entry.theirs.contains(name) {
            if let other = entry.beside, schema.key(other) == nil { continue }
            if let key = entry.ours.lazy.compactMap({ schema.key($0) }).first { return (key, entry.note) }
        }
        return nil
    }
}
