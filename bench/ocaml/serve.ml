(* OCaml's Lwt: servers. serve echo|echo_lines|http PORT *)

open Lwt.Infix

let hello =
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"

let echo fd =
  let b = Bytes.create 4096 in
  let rec loop () =
    Lwt_unix.read fd b 0 4096 >>= function
    | 0 -> Lwt.return_unit
    | n -> Lwt_unix.write fd b 0 n >>= fun _ -> loop ()
  in
  loop ()

let on_channels f fd =
  let close () = Lwt.return_unit in
  f (Lwt_io.of_fd ~mode:Lwt_io.Input ~close fd) (Lwt_io.of_fd ~mode:Lwt_io.Output ~close fd)

let echo_lines input output =
  let rec loop () =
    Lwt_io.read_line_opt input >>= function
    | None -> Lwt.return_unit
    | Some line ->
      Lwt_io.write_line output line >>= fun () ->
      Lwt_io.flush output >>= loop
  in
  loop ()

let http input output =
  let rec loop () =
    Lwt_io.read_line_opt input >>= function
    | None -> Lwt.return_unit
    | Some "" ->
      Lwt_io.write output hello >>= fun () ->
      Lwt_io.flush output >>= loop
    | Some _ -> loop ()
  in
  loop ()

let () =
  (try Lwt_engine.set (new Lwt_engine.libev ()) with _ -> ());
  Sys.set_signal Sys.sigpipe Sys.Signal_ignore;
  let serve =
    match Sys.argv.(1) with
    | "echo" -> echo
    | "echo_lines" -> on_channels echo_lines
    | _ -> on_channels http
  in
  let handler fd =
    Lwt.finalize
      (fun () -> Lwt.catch (fun () -> serve fd) (fun _ -> Lwt.return_unit))
      (fun () -> Lwt_unix.close fd)
  in
  let listener = Lwt_unix.socket Unix.PF_INET Unix.SOCK_STREAM 0 in
  Lwt_unix.setsockopt listener Unix.SO_REUSEADDR true;
  Lwt_main.run
    (Lwt_unix.bind listener
       (Unix.ADDR_INET (Unix.inet_addr_loopback, int_of_string Sys.argv.(2)))
     >>= fun () ->
     Lwt_unix.listen listener 4096;
     let rec accept () =
       Lwt_unix.accept listener >>= fun (fd, _) ->
       Lwt_unix.setsockopt fd Unix.TCP_NODELAY true;
       Lwt.async (fun () -> handler fd);
       accept ()
     in
     accept ())
