-- Growth of lwt.list and lwt.seq (see growth.lua).

local lwt = require "lwt"

local function odd(v) return v % 2 == 1 end
local function plus(a, b) return a + b end
local function paused(v) return lwt.pause():map(function() return odd(v) end) end

return function(g)
  local operation, each, times, task, id, module = g.operation, g.each, g.times, g.task, g.id, g.module

  -- n tasks that wait.
  local function tasks(n)
    local gate = lwt.wait()
    return { gate = gate, tasks = times(n, function() return lwt.spawn(lwt.await, gate) end) }
  end

  local function every(f) -- of a list of three, with a function that waits
    return function(_, name)
      task(function()
        local p = f(name)
        if lwt.is_promise(p) then p:await() end
      end)
    end
  end
  each("list.", { "iter_s", "iter_p", "map_s", "map_p", "filter_s", "filter_p", "filter_map_s", "filter_map_p",
    "for_all_s", "for_all_p", "exists_s", "exists_p", "find_map_s", "find_map_p", "partition_s", "partition_p",
    "iteri_s", "iteri_p", "mapi_s", "mapi_p", "find_s", "find_p" }, tasks,
    every(function(name)
      local p = module "list"[name](paused, { 1, 2, 3 })
      return p
    end))
  each("list.", { "iter_n", "map_n" }, tasks, every(function(name)
    local p = module "list"[name](paused, { 1, 2, 3 }, 2)
    return p
  end))
  operation("list.fold_left_s, fold_right_s", tasks, function()
    task(function()
      module "list".fold_left_s(plus, 0, { 1, 2, 3 }):await()
      module "list".fold_right_s(plus, { 1, 2, 3 }, 0):await()
    end)
  end)
  each("cancelled: list.", { "iter_p", "map_n", "find_s" }, tasks, function(x, name)
    module "list"[name](function() return x.gate:map(id) end, { 1, 2, 3 }, 2):cancel()
    g.turns(2)
  end)

  local function numbers() return module "seq".of_list { 1, 2, 3 } end
  each("seq.", { "map", "map_s", "filter", "filter_s", "filter_map", "filter_map_s" }, tasks, every(function(name)
    local f = name:find "_s$" and paused or odd
    local q = numbers()[name](numbers(), f)
    return q:to_list()
  end))
  each("seq.", { "iter", "iter_s", "iter_p", "iter_n" }, tasks, every(function(name)
    local q = numbers()
    local p = q[name](q, paused, 2)
    return p
  end))
  operation("seq: fold_left, fold_left_s, next, each", tasks, every(function()
    numbers():fold_left(0, plus):await()
    numbers():fold_left_s(0, plus):await()
    numbers():next():await()
    for v in numbers():each() do id(v) end
  end))
  operation("seq: is_seq, single, return_lwt, cons, cons_lwt, append, flat_map", tasks, every(function()
    local seq = module "seq"
    seq.is_seq(1)
    local q = seq.single(1):cons(2):cons_lwt(lwt.fulfilled(3)):append(seq.return_lwt(lwt.fulfilled(4)))
    q:flat_map(seq.single):to_list():await()
  end))
  operation("seq: unfold, unfold_lwt, of_seq, of_seq_lwt, of_list", tasks, every(function()
    local seq = module "seq"
    local function down(n) if n > 0 then return n, n - 1 end end
    seq.unfold(3, down):to_list():await()
    seq.unfold_lwt(3, function(n) return lwt.fulfilled(down(n)) end):to_list():await()
    seq.of_seq(ipairs { 1, 2 }):to_list():await()
    seq.of_seq_lwt(function(_, i) if i < 2 then return i + 1 end end, nil, 0):to_list():await()
    seq.of_list { 1 }:to_list():await()
  end))
end
