-- A plain range join: every line of the product in [as_of - $low, as_of - $high), for one bucket of products.
select s.spine_row,
       count(e.InvoiceNo)                                             as lines,
       count(distinct e.InvoiceNo) filter (where not e.cancelled)     as orders,
       count(distinct e.CustomerID)                                   as customers,
       count(distinct e.Country)                                      as countries,
       count(e.InvoiceNo) filter (where e.returned)                   as returned_lines,
       case when lines > 0 then returned_lines::double / lines::double end as return_rate,
       sum(e.Quantity)::bigint                                        as quantity,
       coalesce(sum(e.Quantity) filter (where not e.returned), 0)::bigint  as items_sold,
       fsum(e.amount)                                                 as revenue,
       fsum(abs(e.amount))                                            as revenue__scale,
       case when orders > 0 then items_sold::double / orders::double end   as basket_quantity,
       favg(e.UnitPrice) filter (where e.UnitPrice > 0)               as avg_price,
       favg(abs(e.UnitPrice)) filter (where e.UnitPrice > 0)          as avg_price__scale,
       min(e.UnitPrice) filter (where e.UnitPrice > 0)                as min_price,
       max(e.UnitPrice) filter (where e.UnitPrice > 0)                as max_price,
       stddev_samp(e.Quantity) filter (where not e.returned)          as sd_quantity,
       stddev_samp(e.Quantity) filter (where not e.returned)
         + abs(avg(e.Quantity) filter (where not e.returned))         as sd_quantity__scale
from product_spine s
left join lines e
  on  e.StockCode = s.StockCode
  and e.InvoiceDate >= s.as_of - $low::interval
  and e.InvoiceDate <  s.as_of - $high::interval
where hash(s.StockCode) % $buckets::ubigint = $bucket::ubigint
group by s.spine_row
