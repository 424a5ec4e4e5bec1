(* OCaml's Lwt, and React: bench WORKLOAD SIZE [ARGUMENT] *)

open Lwt.Infix

let now = if Sys.getenv_opt "BENCH_CLOCK" = Some "cpu" then Sys.time else Unix.gettimeofday
let workload = Sys.argv.(1)
let size () = int_of_string Sys.argv.(2)
let data = try Sys.getenv "BENCH_DATA" with Not_found -> "build/bench/data"

let report who seconds n = Printf.printf "RES %s:%s %.9f %d\n%!" workload who seconds n

let time who n f =
  let start = now () in
  f ();
  report who (now () -. start) n

(* f 1 … f n, in_flight at a time *)
let each in_flight n f =
  let i = ref 0 in
  let rec one () =
    if !i >= n then Lwt.return_unit
    else begin
      incr i;
      f !i >>= one
    end
  in
  Lwt.join (List.init in_flight (fun _ -> one ()))

(* Fast enough to need ten times as many. *)
let bind_resolved () =
  let n = 10 * size () in
  time "lwt_ocaml" n (fun () ->
    let p = ref (Lwt.return 0) in
    for _ = 1 to n do p := Lwt.bind !p (fun v -> Lwt.return (v + 1)) done;
    assert (Lwt_main.run !p = n))

let bind_pending () =
  let n = size () in
  time "lwt_ocaml" n (fun () ->
    for _ = 1 to n / 100 do
      let first, resolver = Lwt.wait () in
      let p = ref first in
      for _ = 1 to 100 do p := Lwt.bind !p (fun v -> Lwt.return (v + 1)) done;
      Lwt.wakeup resolver 0;
      match Lwt.state !p with Lwt.Return 100 -> () | _ -> assert false
    done)

let await_resolved () =
  let n = 10 * size () in
  time "lwt_ocaml" n (fun () ->
    let rec loop i sum =
      if i = 0 then Lwt.return sum else Lwt.return 1 >>= fun v -> loop (i - 1) (sum + v)
    in
    assert (Lwt_main.run (loop n 0) = n))

let handover () =
  let n = size () in
  let a = Lwt_mvar.create_empty () and b = Lwt_mvar.create_empty () in
  let rec one i =
    if i = 0 then Lwt.return_unit
    else Lwt_mvar.put a i >>= fun () -> Lwt_mvar.take b >>= fun _ -> one (i - 1)
  in
  let rec two i =
    if i = 0 then Lwt.return_unit
    else Lwt_mvar.take a >>= fun v -> Lwt_mvar.put b v >>= fun () -> two (i - 1)
  in
  time "lwt_ocaml" n (fun () -> Lwt_main.run (Lwt.join [ two (n / 2); one (n / 2) ]))

let yield () =
  let n = size () in
  let rec loop i = if i = 0 then Lwt.return_unit else Lwt.pause () >>= fun () -> loop (i - 1) in
  time "lwt_ocaml" n (fun () ->
    Lwt_main.run (Lwt.join (List.init 1000 (fun _ -> loop (n / 1000)))))

let sleepers () =
  let n = size () in
  time "lwt_ocaml" n (fun () ->
    Lwt_main.run
      (Lwt.join (List.init n (fun i -> Lwt_unix.sleep (1. +. (float i /. float n))))))

let files () =
  let n = size () in
  let path i = Printf.sprintf "%s/small/%d" data i in
  time "lwt_ocaml_unix" n (fun () ->
    Lwt_main.run (each 64 n (fun i ->
      Lwt_unix.openfile (path i) [ Unix.O_RDONLY ] 0 >>= fun fd ->
      let b = Bytes.create 4096 in
      Lwt_unix.read fd b 0 4096 >>= fun k ->
      assert (k = 4096);
      Lwt_unix.close fd)));
  time "lwt_ocaml_io" n (fun () ->
    Lwt_main.run (each 64 n (fun i ->
      Lwt_io.with_file ~mode:Lwt_io.Input (path i) (fun ch ->
        Lwt_io.read ch >>= fun s ->
        assert (String.length s = 4096);
        Lwt.return_unit))))

let copy () =
  let from = Sys.argv.(2) in
  let target = from ^ ".copy" in
  let size = (Unix.stat from).Unix.st_size in
  let buffer () = Lwt_bytes.create 65536 in
  time "lwt_ocaml" size (fun () ->
    Lwt_main.run
      (Lwt_io.with_file ~buffer:(buffer ()) ~mode:Lwt_io.Input from (fun input ->
        Lwt_io.with_file ~buffer:(buffer ()) ~mode:Lwt_io.Output target (fun output ->
          let b = Bytes.create 65536 in
          let rec loop () =
            Lwt_io.read_into input b 0 65536 >>= function
            | 0 -> Lwt.return_unit
            | n -> Lwt_io.write_from_exactly output b 0 n >>= loop
          in
          loop ()))));
  Unix.unlink target

let lines () =
  let n = ref 0 in
  let start = now () in
  Lwt_main.run
    (Lwt_io.with_file ~buffer:(Lwt_bytes.create 65536) ~mode:Lwt_io.Input Sys.argv.(2) (fun ch ->
      let rec loop () =
        Lwt_io.read_line_opt ch >>= function
        | None -> Lwt.return_unit
        | Some _ -> incr n; loop ()
      in
      loop ()));
  report "lwt_ocaml" (now () -. start) !n

let processes () =
  let n = size () in
  time "lwt_ocaml" n (fun () ->
    Lwt_main.run (each 16 n (fun _ ->
      Lwt_process.exec ("/bin/true", [| "true" |]) >>= fun _ -> Lwt.return_unit)))

let detach () =
  let n = size () in
  Lwt_preemptive.simple_init ();
  Lwt_preemptive.set_bounds (2, 2);
  let run who in_flight n =
    time who n (fun () ->
      Lwt_main.run (each in_flight n (fun i ->
        Lwt_preemptive.detach (fun v -> v + 1) i >>= fun _ -> Lwt.return_unit)))
  in
  run "lwt_ocaml" 64 n;
  run "lwt_ocaml_alone" 1 (n / 10)

let sum s =
  let s = Lwt_stream.filter (fun v -> v land 1 = 0) (Lwt_stream.map (fun v -> v + 1) s) in
  let total = ref 0 in
  Lwt_main.run (Lwt_stream.iter (fun v -> total := !total + v) s)

let stream () =
  let n = size () in
  time "lwt_ocaml_from_direct" n (fun () ->
    let i = ref 0 in
    sum (Lwt_stream.from_direct (fun () -> if !i < n then (incr i; Some !i) else None)));
  time "lwt_ocaml" n (fun () ->
    let s, push = Lwt_stream.create () in
    for i = 1 to n do push (Some i) done;
    push None;
    sum s);
  let n = n / 4 in
  time "lwt_ocaml_bounded" n (fun () ->
    let s, push = Lwt_stream.create_bounded 1 in
    let rec producer i =
      if i > n then (push#close; Lwt.return_unit) else push#push i >>= fun () -> producer (i + 1)
    in
    ignore (producer 1);
    sum s)

let mvar () =
  let n = size () in
  let m = Lwt_mvar.create_empty () in
  let rec both i =
    if i = 0 then Lwt.return_unit
    else Lwt_mvar.put m i >>= fun () -> Lwt_mvar.take m >>= fun _ -> both (i - 1)
  in
  time "lwt_ocaml" n (fun () -> Lwt_main.run (both n));
  let rec put i = if i = 0 then Lwt.return_unit else Lwt_mvar.put m i >>= fun () -> put (i - 1) in
  let rec take i = if i = 0 then Lwt.return_unit else Lwt_mvar.take m >>= fun _ -> take (i - 1) in
  time "lwt_ocaml_two" n (fun () -> Lwt_main.run (Lwt.join [ put n; take n ]))

let signals () =
  let n = size () in
  let s, set = React.S.create 0 in
  let next = React.S.map (fun v -> v + 1) s in
  time "react_ocaml" n (fun () -> for i = 1 to n do set i done);
  assert (React.S.value next = n + 1)

let () =
  (try Lwt_engine.set (new Lwt_engine.libev ()) with _ -> ());
  (List.assoc workload
    [ "bind_resolved", bind_resolved; "bind_pending", bind_pending;
      "await_resolved", await_resolved; "handover", handover; "yield", yield;
      "sleepers", sleepers; "files", files; "copy", copy; "lines", lines;
      "processes", processes; "detach", detach; "stream", stream; "mvar", mvar;
      "signals", signals ]) ()
