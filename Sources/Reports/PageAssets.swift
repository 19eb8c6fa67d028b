/// What every page has: its look and what moves in it. Plain JavaScript; charts are plotly's.
enum PageAssets {
    static let style = """
        body { font: 15px/1.5 system-ui, sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; color: #1d2329; }
        h1 { font-size: 1.6em; } h2 { font-size: 1.15em; margin-top: 2em; }
        #summary li { margin: .3em 0; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
        th, td { text-align: left; padding: .25em .8em; border-bottom: 1px solid #d9dee3; white-space: nowrap; }
        th { font-weight: 600; border-bottom: 2px solid #8b96a0; }
        .note, .controls { color: #4d5963; } .controls label { margin-right: 1.2em; white-space: nowrap; }
        .chart { min-height: 380px; } #forest { min-height: 0; }
        #gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 12px; }
        figure { margin: 0; } figure .frame { position: relative; background: #eef1f3; }
        figure .frame { min-height: 80px; } figure img { width: 100%; display: block; }
        figure svg, figure canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
        figure canvas { image-rendering: pixelated; opacity: .6; }
        .swatch { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em; vertical-align: -.1em; }
        figcaption { font-size: .8em; color: #4d5963; overflow-wrap: anywhere; }
        details { margin-top: 2em; } summary { cursor: pointer; font-weight: 600; }
        """

    static let script = #"""
        "use strict";
        const data = JSON.parse(document.getElementById("data").textContent);
        const $ = id => document.getElementById(id);
        const colors = ["#1f6feb", "#d1495b", "#2a9d5c", "#b5761c", "#7b4fc9", "#0f8b9d", "#8a5a44", "#5c6b7a"];
        const color = i => colors[i % colors.length];
        const dashes = ["solid", "dash", "dot", "dashdot"];
        const stroke = i => ({color: color(i), dash: dashes[Math.floor(i / colors.length) % dashes.length]});
        const layout = (x, y, more) => Object.assign({
          margin: {l: 60, r: 20, t: 10, b: 110}, height: 420, xaxis: {title: {text: x}}, yaxis: {title: {text: y}},
          font: {family: "system-ui, sans-serif"}, legend: {orientation: "h", yref: "container", y: 0, yanchor: "bottom"}}, more || {});
        const show = (id, traces, lay) => {
          if (typeof Plotly === "undefined" || traces.length === 0) return;
          $(id + "-section").hidden = false;
          Plotly.react(id, traces, lay, {displaylogo: false, responsive: true});
        };
        const fill = (select, names) => names.forEach((name, i) => select.add(new Option(name, i)));
        const lines = list => list.map((l, i) => ({
          name: l.name, x: l.x, y: l.y, mode: l.x.length < 12 ? "lines+markers" : "lines", line: stroke(i)}));

        function forest() {
          const list = data.contrasts.slice().reverse();
          const tone = {"helps": "#2a9d5c", "hurts": "#d1495b", "within noise": "#5c6b7a", "none": "#b4bcc4"};
          show("forest", list.length === 0 ? [] : [{
            x: list.map(c => c.mean), y: list.map(c => c.name), mode: "markers", type: "scatter",
            text: list.map(c => c.verdict),
            marker: {size: 10, color: list.map(c => tone[c.verdict])},
            error_x: {type: "data", array: list.map(c => c.margin || 0), color: "#8b96a0"}}],
            layout("difference in points of " + data.metric, "", {
              margin: {l: 320, r: 20, t: 10, b: 50}, height: 120 + 34 * list.length,
              xaxis: {title: {text: "difference in points of " + data.metric}, zeroline: true, zerolinewidth: 2}}));
        }

        function charts() {
          forest();
          show("labels", lines(data.labels), layout("labelled pictures", data.metric + ", points", {
            xaxis: {type: "log", title: {text: "labelled pictures"}}}));
          show("learning", lines(data.learning), layout("steps", data.learning_axis));
          if (data.details.length > 0) {
            fill($("curve-class"), data.classes);
            fill($("confusion-arm"), data.details.map(d => d.name));
            $("curve-class").addEventListener("change", byClass);
            $("confusion-arm").addEventListener("change", confusion);
            byClass();
            confusion();
            show("calibration", data.details.map((d, i) => ({
              name: d.name, x: d.calibration.map(c => c[0]), y: d.calibration.map(c => c[1]), mode: "lines+markers",
              text: d.calibration.map(c => c[2] + " " + data.unit), line: stroke(i)})).concat([{
              name: "agreement", x: [0, 1], y: [0, 1], mode: "lines", line: {color: "#b4bcc4", dash: "dot"}}]),
              layout("score", "part that is right"));
          }
        }

        function byClass() {
          const k = Number($("curve-class").value || 0);
          const of = (x, y) => data.details.map((d, i) => ({
            name: d.name, x: d.curves[k][x], y: d.curves[k][y], mode: "lines", line: stroke(i)}));
          show("curves", of("recall", "precision"), layout("recall", "precision", {
            xaxis: {range: [0, 1], title: {text: "recall"}}, yaxis: {range: [0, 1.02], title: {text: "precision"}}}));
          show("threshold", of("scores", "precision"), layout("score", "precision", {
            xaxis: {range: [0, 1], title: {text: "score"}}, yaxis: {range: [0, 1.02], title: {text: "precision"}}}));
        }

        function confusion() {
          const d = data.details[Number($("confusion-arm").value || 0)];
          const isOfBoxes = data.unit === "boxes", called = isOfBoxes ? data.classes.concat(["background"]) : data.classes;
          // Two of one name would be one place.
          const names = called.map((name, i) => called.indexOf(name) === i ? name : name + " (none)");
          const sum = row => Math.max(1, row.reduce((a, b) => a + b, 0));
          const z = isOfBoxes ? d.confusion : d.confusion.map(row => row.map(n => 100 * n / sum(row)));
          show("confusion", [{
            type: "heatmap", x: names, y: names, z: z, colorscale: [[0, "#f3f6f9"], [1, "#1f6feb"]],
            text: isOfBoxes ? z : z.map(row => row.map(n => n.toFixed(n < 10 ? 1 : 0))),
            texttemplate: "%{text}", showscale: false}],
            layout("taken for", "is", {xaxis: {type: "category", automargin: true, title: {text: "taken for"}},
              yaxis: {type: "category", autorange: "reversed", automargin: true, title: {text: "is"}}}));
        }

        // ---- the gallery
        const svg = (name, values) => {
          const e = document.createElementNS("http://www.w3.org/2000/svg", name);
          for (const key in values) e.setAttribute(key, values[key]);
          return e;
        };
        const mean = list => list.length === 0 ? 0 : list.reduce((a, b) => a + b, 0) / list.length;
        const overlap = (a, b) => {
          const w = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
          const h = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
          return w <= 0 || h <= 0 ? 0 : w * h / (a[2] * a[3] + b[2] * b[3] - w * h);
        };
        const isKept = (k, score) => b => b[5] >= score && (k === "any" || b[4] === Number(k));

        // What a gallery knows of pictures with boxes.
        const boxes = {
          ready: pictures => Promise.resolve(),
          seen: (p, who) => who === "both" ? p.teacher.concat(p.student || []) : (p[who] || []),
          // How much of it counts, and how sure that is.
          kept(p, who, k, score) {
            const list = this.seen(p, who).filter(isKept(k, score));
            const best = Math.max(0, ...this.seen(p, who).map(b => b[5]));
            return {amount: list.length, sure: list.length > 0 ? mean(list.map(b => b[5])) : best - 1};
          },
          // Boxes of one that the other has not.
          apart(p, score) {
            const [a, b] = [p.teacher, p.student || []].map(list => list.filter(x => x[5] >= score));
            const alone = (one, other) => one.filter(x => !other.some(y => y[4] === x[4] && overlap(x, y) >= 0.5)).length;
            return alone(a, b) + alone(b, a);
          },
          total: list => list.reduce((n, e) => n + e.amount, 0) + " boxes",
          told: (amount, who) => amount + " boxes" + (who === "both" ? " (teacher solid, student dashed)" : ""),
          overlay(p, who, k, score, image) {
            const w = image.naturalWidth, h = image.naturalHeight;
            const overlay = svg("svg", {viewBox: "0 0 " + w + " " + h, preserveAspectRatio: "none"});
            const draw = (boxes, dash) => boxes.filter(b => k === "any" || b[4] === Number(k)).forEach(b => {
              if (b[5] < score && b[5] < score / 2) return;
              overlay.append(svg("rect", {
                x: b[0], y: b[1], width: b[2], height: b[3], fill: "none", stroke: color(b[4]),
                "stroke-width": w / 150, "stroke-opacity": b[5] >= score ? 1 : 0.25,
                "stroke-dasharray": dash ? w / 60 : "none"}));
              if (b[5] < score) return;
              const text = svg("text", {
                x: b[0] + w / 200, y: Math.max(b[1] - w / 150, w / 28), fill: color(b[4]), "font-size": w / 28,
                stroke: "#fff", "stroke-width": w / 400, "paint-order": "stroke"});
              text.textContent = data.classes[b[4]] + " " + b[5].toFixed(2);
              overlay.append(text);
            });
            if (who !== "student") draw(p.teacher, false);
            if (who !== "teacher") draw(p.student || [], who === "both");
            return overlay;
          },
          legend: () => []
        };

        // Of pictures with masks: red is a pixel's class, green its probability in 256ths.
        const pixels = {
          async ready(pictures) {
            const read = async address => {
              if (!address) return null;
              const image = new Image();
              image.src = address;
              await image.decode();
              const canvas = document.createElement("canvas");
              [canvas.width, canvas.height] = [image.width, image.height];
              const context = canvas.getContext("2d", {willReadFrequently: true});
              context.drawImage(image, 0, 0);
              return context.getImageData(0, 0, image.width, image.height);
            };
            for (const p of pictures) [p.teacher, p.student] = [await read(p.teacher), await read(p.student)];
          },
          // A class for each pixel that counts, -1 for others; of both, those of the teacher where the student says otherwise.
          classes(p, who, k, score) {
            const mask = who === "student" ? p.student : p.teacher;
            if (!mask || (who === "both" && !p.student)) return null;
            const out = new Int16Array(mask.width * mask.height), at = who === "both" ? p.student.data : null;
            const s = p.student, wide = who === "both" ? s.width : 0;
            for (let y = 0, i = 0; y < mask.height; y++) {
              for (let x = 0; x < mask.width; x++, i++) {
                const label = mask.data[4 * i], sure = (mask.data[4 * i + 1] + 1) / 256 > score;
                const j = at ? 4 * (Math.floor(y * s.height / mask.height) * wide + Math.floor(x * wide / mask.width)) : 0;
                const counts = sure && (k === "any" || label === Number(k)) && !(at && at[j] === label);
                out[i] = counts ? label : -1;
              }
            }
            return out;
          },
          kept(p, who, k, score) {
            const list = this.classes(p, who, k, score);
            const amount = list ? list.reduce((n, c) => n + (c >= 0 ? 1 : 0), 0) / list.length : 0;
            return {amount: amount, sure: amount};
          },
          apart(p, score) { return this.kept(p, "both", "any", score).amount; },
          total: list => (100 * list.reduce((n, e) => n + e.amount, 0) / data.gallery.pictures.length).toFixed(2)
            + " % of all pixels",
          told: amount => (100 * amount).toFixed(1) + " % of its pixels",
          overlay(p, who, k, score) {
            const list = this.classes(p, who, k, score), mask = who === "student" ? p.student : p.teacher;
            const canvas = document.createElement("canvas");
            if (!list) return canvas;
            [canvas.width, canvas.height] = [mask.width, mask.height];
            const context = canvas.getContext("2d"), out = context.createImageData(mask.width, mask.height);
            list.forEach((label, i) => { if (label >= 0) out.data.set([...data.mask_colors[label], 255], 4 * i); });
            context.putImageData(out, 0, 0);
            return canvas;
          },
          legend: () => data.classes.map((name, i) => {
            const label = document.createElement("label"), swatch = document.createElement("span");
            swatch.className = "swatch";
            swatch.style.background = "rgb(" + data.mask_colors[i].join(",") + ")";
            label.append(swatch, name);
            return label;
          })
        };
        const kind = data.unit === "boxes" ? boxes : pixels;

        function gallery() {
          const score = Number($("score").value), k = $("gallery-class").value;
          const count = $("gallery-count").value, order = $("gallery-order").value, who = $("gallery-who").value;
          $("score-shown").textContent = score.toFixed(2);
          const list = data.gallery.pictures.map(p => Object.assign({p: p}, kind.kept(p, who, k, score)))
            .filter(e => count === "any" ? k === "any" || e.amount > 0
              : count === "0" ? e.amount === 0 : e.amount >= Number(count));
          if (order === "apart") for (const e of list) e.apart = kind.apart(e.p, score);
          const by = {
            surest: (a, b) => b.sure - a.sure, unsurest: (a, b) => a.sure - b.sure,
            apart: (a, b) => b.apart - a.apart, name: (a, b) => a.p.name < b.p.name ? -1 : 1};
          list.sort(by[order]);
          $("gallery-shown").textContent = list.length + " pictures, " + kind.total(list);
          $("gallery").replaceChildren(...list.map(e => {
            const figure = document.createElement("figure");
            const frame = document.createElement("div");
            frame.className = "frame";
            const image = document.createElement("img");
            image.loading = "lazy";
            image.alt = e.p.name;
            frame.append(image);
            image.addEventListener("load", () => frame.append(kind.overlay(e.p, who, k, score, image)));
            image.src = e.p.src;
            const caption = document.createElement("figcaption");
            caption.textContent = e.p.name + ": " + kind.told(e.amount, who);
            figure.append(frame, caption);
            return figure;
          }));
        }

        charts();
        if (data.gallery) {
          const select = $("gallery-class");
          select.add(new Option("any", "any"));
          fill(select, data.classes);
          for (const id of ["score", "gallery-class", "gallery-count", "gallery-order", "gallery-who"]) {
            $(id).addEventListener("input", gallery);
          }
          $("gallery-legend").replaceChildren(...kind.legend());
          kind.ready(data.gallery.pictures).then(gallery);
        }
        """#
}
